#include "server/auth/api_keys.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

// FIPS 180-2, appendix B, and of no bytes: texts and their SHA-256.
struct Vector {
  const char* text;
  const char* hash;
};
constexpr Vector kVectors[] = {
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
};
const std::string kHash = kVectors[0].hash;

ApiKeys keys_of(const std::string& text) {
  auto keys = ApiKeys::parse(text, "keys");
  CAPTURE(text);
  if (!keys) FAIL(keys.error().message);
  return *std::move(keys);
}

std::string problem_of(const std::string& text) {
  const auto keys = ApiKeys::parse(text, "keys");
  CAPTURE(text);
  REQUIRE(keys.has_error());
  return keys.error().message;
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c;
  return text;
}

// A directory of its own, gone at the end.
class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "api_keys.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path() const { return path_.string(); }
  std::string file_with(const std::string& text) const {
    const auto path = path_ / "keys";
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

 private:
  std::filesystem::path path_;
};

TEST_CASE("a key is found by the text whose SHA-256 is in the file", "[api_keys]") {
  std::string file;
  for (const Vector& vector : kVectors)
    file += std::to_string(file.size()) + " " + vector.hash + "\n";
  const ApiKeys keys = keys_of(file);
  REQUIRE(keys.all().size() == std::size(kVectors));
  for (std::size_t i = 0; i < std::size(kVectors); ++i) {
    CAPTURE(kVectors[i].text);
    CHECK(keys.find(kVectors[i].text) == &keys.all()[i]);
  }
}

TEST_CASE("any other text finds no key", "[api_keys]") {
  const ApiKeys keys = keys_of("alice " + kHash);
  for (const std::string& other : {std::string(), std::string("ab"), std::string("abcd"),
                                   std::string("ABC"), std::string("abc "), std::string("abc\0", 4),
                                   std::string("alice"), kHash, std::string(100'000, 'x')})
    CHECK(keys.find(other) == nullptr);
}

TEST_CASE("the hash may be written in capitals", "[api_keys]") {
  CHECK(keys_of("alice " + upper(kHash)).find("abc") != nullptr);
}

TEST_CASE("comments, blank lines and spaces are passed over", "[api_keys]") {
  const std::string line = "alice " + kHash;
  for (const std::string& text :
       {line, line + "\n", "\n\n" + line + "\n\n", "# keys\n" + line, line + " # mine",
        "  \t" + line + "\t \n", line + "\r\n# end\r\n", "alice\t" + kHash + " rate=1"}) {
    const ApiKeys keys = keys_of(text);
    REQUIRE(keys.all().size() == 1);
    CHECK(keys.all()[0].name == "alice");
  }
}

TEST_CASE("a key without words after it has no limits of its own", "[api_keys]") {
  const ApiKeys keys = keys_of("alice " + kHash);
  CHECK_FALSE(keys.all()[0].rate);
  CHECK_FALSE(keys.all()[0].running_jobs);
}

TEST_CASE("limits of a key are read in any order", "[api_keys]") {
  for (const char* words : {"rate=2.5 burst=40 running=3", "running=3 burst=40 rate=2.5"}) {
    const ApiKeys keys = keys_of("alice " + kHash + " " + words);
    const ApiKey& key = keys.all()[0];
    REQUIRE(key.rate);
    CHECK(key.rate->per_second == 2.5);
    CHECK(key.rate->burst == 40);
    CHECK(key.running_jobs == 3);
  }
}

TEST_CASE("a burst is by default what comes in a second, at least one", "[api_keys]") {
  const std::pair<const char*, std::uint64_t> bursts[] = {
      {"0.000001", 1}, {"0.5", 1},          {"1", 1}, {"1.0", 1}, {"1.01", 2},
      {"60", 60},      {"1000000", 1000000}};
  for (const auto& [rate, burst] : bursts)
    CHECK(keys_of("alice " + kHash + " rate=" + rate).all()[0].rate->burst == burst);
}

TEST_CASE("the ends of each limit's range are in it", "[api_keys]") {
  for (const char* words :
       {"rate=0.000001", "rate=1000000", "rate=.5", "rate=5.", "rate=007", "rate=1 burst=1",
        "rate=1 burst=1000000", "running=1", "running=1000000", "rate=0.001 burst=1000000"})
    keys_of("alice " + kHash + " " + words);
}

TEST_CASE("a bad limit refuses the file by the name of the limit", "[api_keys]") {
  const std::pair<const char*, const char*> bad[] = {
      {"rate",
       "rate= rate=0 rate=0.0 rate=-1 rate=+1 rate=1e3 rate=inf rate=nan rate=0x1 rate=1,5 "
       "rate=1/s "
       "rate=0.0000009 rate=1000000.1 rate=1=1"},
      {"burst",
       "burst= burst=0 burst=-1 burst=1.5 burst=1000001 burst=x burst=99999999999999999999"},
      {"running", "running= running=0 running=-1 running=1.5 running=1000001 running=x"}};
  for (const auto& [name, list] : bad) {
    std::istringstream words(list);
    for (std::string word; words >> word;) {
      const std::string others = std::string(name) == "burst" ? " rate=1 " : " ";
      const std::string problem = problem_of("alice " + kHash + others + word);
      CHECK_THAT(problem, test::contains("keys:1: " + std::string(name) + " is not"));
    }
  }
}

TEST_CASE("words that say nothing together are refused", "[api_keys]") {
  const std::string key = "alice " + kHash + " ";
  for (const char* name : {"rate", "burst", "running"})
    CHECK_THAT(problem_of(key + name + "=1 rate=2 running=1 burst=5 " + name + "=1"),
               test::contains("is given twice"));
  CHECK_THAT(problem_of(key + "burst=5"), test::contains("burst is given without rate"));
  CHECK_THAT(problem_of(key + "rate=0.000001 burst=1000000"), test::contains("1000000000 seconds"));
}

TEST_CASE("a malformed line is refused by file and number", "[api_keys]") {
  const std::string good = "bob " + std::string(kVectors[1].hash) + "\n";
  for (const std::string& line :
       {std::string("alice"), "alice " + kHash.substr(1), "alice " + kHash + "0",
        "alice " + kHash.substr(1) + "g", "alice " + kHash.substr(2) + "-1",
        "alice " + kHash.substr(2) + "0x", "al/ice " + kHash, "\xc3\xa9 " + kHash,
        std::string(65, 'a') + " " + kHash, kHash + " alice", "alice " + kHash + " fast",
        "alice " + kHash + " Rate=1", "alice " + kHash + " =1", "alice, " + kHash,
        "al#ice " + kHash, "alice: " + kHash, std::string("a\0 ", 3) + kHash}) {
    CHECK_THAT(problem_of(line), test::contains("keys:1: "));
    CHECK_THAT(problem_of("# one\n\n" + good + line + "\n"), test::contains("keys:4: "));
    CHECK_THAT(problem_of(line + "\r\n" + good), test::contains("keys:1: "));
  }
}

TEST_CASE("a problem repeats nothing of the line", "[api_keys]") {
  const std::string secret = "hunter2secret";
  for (const std::string& line :
       {secret, "alice " + secret, secret + " alice", "/" + secret + " " + kHash,
        "alice " + kHash + " " + secret, "alice " + kHash + " rate=" + secret,
        "alice " + kHash + " key=" + secret, "alice " + kHash + " running=" + secret,
        secret + " " + kHash + "\n" + secret + " " + kVectors[1].hash})
    CHECK_THAT(problem_of(line), !test::contains(secret));
}

TEST_CASE("a name of 64 characters of every kind is good", "[api_keys]") {
  const std::string name = "AZaz09._-" + std::string(55, 'x');
  CHECK(keys_of(name + " " + kHash).all()[0].name == name);
}

TEST_CASE("a name or a hash stands for one key only", "[api_keys]") {
  const std::string other = kVectors[1].hash;
  CHECK_THAT(problem_of("alice " + kHash + "\n\nalice " + other),
             test::contains("keys:3: the name is that of line 1"));
  CHECK_THAT(problem_of("alice " + kHash + "\nbob " + upper(kHash)),
             test::contains("keys:2: the hash is that of line 1"));
  CHECK(keys_of("alice " + kHash + "\nAlice " + other).all().size() == 2);
}

TEST_CASE("a file without a key is refused", "[api_keys]") {
  for (const char* text : {"", "\n", "# alice\n", "  \t\r\n"})
    CHECK(problem_of(text) == "keys: holds no key");
}

TEST_CASE("keys are found after they were moved", "[api_keys]") {
  ApiKeys keys = keys_of("alice " + kHash);
  const ApiKey* const alice = keys.find("abc");
  const ApiKeys moved = std::move(keys);
  CHECK(moved.find("abc") == alice);
}

TEST_CASE("one key of many is found", "[api_keys]") {
  constexpr int kKeys = 1000;
  std::string file;
  for (int i = 0; i < kKeys; ++i) {
    std::string hash = kHash;
    hash.replace(0, 4, std::to_string(1000 + i));
    file += std::to_string(i) + " " + hash + "\n";
  }
  const ApiKeys keys = keys_of(file + "alice " + kHash + "\n");
  REQUIRE(keys.find("abc") != nullptr);
  CHECK(keys.find("abc")->name == "alice");
}

TEST_CASE("a key file is read", "[api_keys]") {
  const Directory directory;
  const auto keys = read_key_file(directory.file_with("alice " + kHash + "\n"));
  REQUIRE(keys.has_value());
  CHECK(keys->find("abc") != nullptr);
}

TEST_CASE("a key file larger than one read is read whole", "[api_keys]") {
  const Directory directory;
  const std::string comment = std::string(1 << 20, '#') + "\n";
  CHECK(read_key_file(directory.file_with(comment + "alice " + kHash)).has_value());
  const auto bad = read_key_file(directory.file_with(comment + "alice"));
  REQUIRE(bad.has_error());
  CHECK_THAT(bad.error().message, test::contains("keys:2: "));
}

TEST_CASE("a file that cannot be read is refused by path and reason", "[api_keys]") {
  const Directory directory;
  const std::string missing = directory.path() + "/missing";
  const auto none = read_key_file(missing);
  REQUIRE(none.has_error());
  CHECK(none.error().message == missing + ": cannot open: No such file or directory");
  const auto folder = read_key_file(directory.path());
  REQUIRE(folder.has_error());
  CHECK(folder.error().message == directory.path() + ": cannot read: Is a directory");
}

TEST_CASE("a file is read up to a bound", "[api_keys]") {
  const Directory directory;
  const std::string key = "alice " + kHash + "\n";
  const std::string largest = key + std::string(kMostKeyFileBytes - key.size(), '\n');
  CHECK(read_key_file(directory.file_with(largest)).has_value());
  CHECK(read_key_file(directory.file_with(largest + "\n")).has_error());
  const auto endless = read_key_file("/dev/zero");
  REQUIRE(endless.has_error());
  CHECK_THAT(endless.error().message, test::contains("is larger than"));
}

}  // namespace
}  // namespace pyexec
