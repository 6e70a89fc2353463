#include "server/telemetry/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <string>

#include "tests/support/catch.h"

using namespace pyexec;

namespace {

// A log whose lines end up in a file without a name. The log goes first.
class Fixture {
 public:
  explicit Fixture(LogFormat format) : file_(std::tmpfile()) { log.emplace(format, file_); }
  ~Fixture() { std::fclose(file_); }

  std::string text() {
    std::fflush(file_);
    std::rewind(file_);
    std::string out;
    for (std::array<char, 4096> piece; const auto size = std::fread(piece.data(), 1, 4096, file_);)
      out.append(piece.data(), size);
    return out;
  }

  std::optional<Log> log;

 private:
  std::FILE* file_;
};

std::size_t lines_in(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

TEST_CASE("as text a line is a sentence", "[log]") {
  Fixture fixture(LogFormat::text);
  fixture.log->warn("something is wrong");
  CHECK(fixture.text() == "pyexec: something is wrong\n");
}

TEST_CASE("as JSON a line is an object, whatever is in the sentence", "[log]") {
  Fixture fixture(LogFormat::json);
  fixture.log->fail("a \"quote\"\nand a line");
  const std::string text = fixture.text();
  CHECK_THAT(text, test::contains(R"({"severity": "CRITICAL", "time": ")"));
  CHECK_THAT(text, test::contains(R"("message": "a \"quote\"\nand a line"})"));
  CHECK(lines_in(text) == 1);
}

TEST_CASE("what was handed to the thread is written when the log closes", "[log]") {
  Fixture fixture(LogFormat::text);
  fixture.log->write_in_background();
  for (int i = 0; i < 1000; ++i) fixture.log->write_request("a request");
  auto room = fixture.log->reserve_result();
  REQUIRE(room);
  fixture.log->write_result(*std::move(room), "a result");
  fixture.log->notice("the end");
  fixture.log->close();
  const std::string text = fixture.text();
  CHECK(lines_in(text) == 1002);
  CHECK(text.ends_with("pyexec: a result\npyexec: the end\n"));
  CHECK(fixture.log->dropped() == 0);
}

TEST_CASE("a line that cannot be written is counted, and results find no room", "[log]") {
  std::FILE* full = std::fopen("/dev/full", "w");
  REQUIRE(full != nullptr);
  {
    Log log(LogFormat::text, full);
    log.warn("lost");
    CHECK(log.dropped() == 1);
    CHECK_FALSE(log.reserve_result());
  }
  std::fclose(full);
}

TEST_CASE("requests have at most half of the lines that may wait", "[log]") {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);  // nobody reads, so that lines of this size stay where they are
  std::signal(SIGPIPE, SIG_IGN);
  std::FILE* file = ::fdopen(pipe[1], "w");
  {
    Log log(LogFormat::text, file);
    log.write_in_background();
    const std::string line(4000, 'x');
    for (int i = 0; i < 6000; ++i) log.write_request(line);
    CHECK(log.dropped() > 1000);
    const auto dropped = log.dropped();
    log.warn("something is wrong");  // finds room
    CHECK(log.dropped() == dropped);
    ::close(pipe[0]);  // the thread goes on: nothing more can be written
    log.close();
  }
  std::fclose(file);
}
