#include "server/telemetry/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/console_globals.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "server/json/object_writer.h"

namespace pyexec {
namespace {

using Level = spdlog::level::level_enum;

// Limits of lines that wait to be written. Results have as many bytes of their own.
constexpr std::uint64_t kMostLines = 8192, kMostBytes = 64 << 20;
constexpr std::chrono::seconds kLastWords{1};

const char* severity(Level level) {
  if (level >= spdlog::level::critical) return "CRITICAL";
  return level >= spdlog::level::warn ? "WARNING" : "INFO";
}

// Lines handed over but not yet written. Changed by two threads.
struct Waiting {
  std::atomic<std::uint64_t> lines = 0, bytes = 0, result_bytes = 0;
  std::atomic<std::uint64_t> dropped = 0;
  std::atomic<bool> is_failing = false;  // the last line could not be written
};

constexpr const char* kResults = "results";

class CountedSink final : public spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex> {
 public:
  CountedSink(std::FILE* file, Waiting& waiting) : stdout_sink_base(file), waiting_(waiting) {}

  // The library does not check whether a write succeeded.
  void log(const spdlog::details::log_msg& line) override {
    const std::size_t bytes = line.payload.size();
    const bool is_result = line.logger_name == kResults;
    stdout_sink_base::log(line);
    waiting_.is_failing = std::ferror(file_) != 0;
    if (waiting_.is_failing) {
      ++waiting_.dropped;
      std::clearerr(file_);
    }
    --waiting_.lines;
    (is_result ? waiting_.result_bytes : waiting_.bytes) -= bytes;
  }

 private:
  Waiting& waiting_;
};

spdlog::string_view_t view_of(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct Log::Writer {
  Writer(const char* pattern, std::FILE* file)
      : sink(std::make_shared<CountedSink>(file, waiting)),
        lines(std::make_shared<spdlog::logger>("lines", sink)) {
    sink->set_pattern(pattern);
  }

  void hand_over(Level level, std::string_view line, std::uint64_t most_lines,
                 std::uint64_t most_bytes) {
    if (waiting.lines >= most_lines || waiting.bytes + line.size() > most_bytes) {
      ++waiting.dropped;
      return;
    }
    ++waiting.lines;
    waiting.bytes += line.size();
    lines->log(level, view_of(line));
  }

  // Returns after the last line is written, if anybody reads the log.
  void end() {
    lines.reset();
    results.reset();
    thread.reset();
  }

  Waiting waiting;
  std::shared_ptr<CountedSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> thread;
  std::shared_ptr<spdlog::logger> lines, results;
};

Log::Log(LogFormat format, std::FILE* file)
    : format_(format),
      writer_(std::make_shared<Writer>(format == LogFormat::json ? "%v" : "pyexec: %v", file)) {}

Log::~Log() = default;

void Log::write_in_background() {
  Writer& writer = *writer_;
  writer.thread = std::make_shared<spdlog::details::thread_pool>(kMostLines + 1, 1);
  const auto logger = [&](const std::string& name) {
    return std::make_shared<spdlog::async_logger>(name, writer.sink, writer.thread,
                                                  spdlog::async_overflow_policy::overrun_oldest);
  };
  writer.results = logger(kResults);
  writer.lines = logger("lines");
}

std::uint64_t Log::dropped() const {
  return writer_->waiting.dropped;
}

// The library formats sentences. Objects are formatted here, which makes their text valid.
void Log::write(Severity how, std::string_view text) {
  static_assert(static_cast<int>(Severity::info) == spdlog::level::info &&
                static_cast<int>(Severity::warning) == spdlog::level::warn &&
                static_cast<int>(Severity::critical) == spdlog::level::critical);
  const auto level = static_cast<Level>(how);
  std::string object;
  if (format_ == LogFormat::json) {
    ObjectWriter members;
    members.text("severity", severity(level));
    members.text("time", log_time());
    members.text("message", text);
    text = object = members.object();
  }
  writer_->hand_over(level, text, kMostLines - promised_results_, kMostBytes);
}

void Log::warn(std::string_view text) {
  write(Severity::warning, text);
}

void Log::fail(std::string_view text) {
  write(Severity::critical, text);
}

void Log::notice(std::string_view text) {
  write(Severity::info, text);
}

void Log::write_request(const std::string& line) {
  const std::uint64_t most_lines = kMostLines / 2;
  if (promised_results_ >= most_lines) {
    ++writer_->waiting.dropped;
    return;
  }
  writer_->hand_over(spdlog::level::info, line, most_lines - promised_results_, kMostBytes / 2);
}

std::optional<Log::Reservation> Log::reserve_result() {
  const Waiting& waiting = writer_->waiting;
  const std::uint64_t promised_bytes = (promised_results_ + 1) * kMostResultBytes;
  // While no result waits, the reader is not behind, however many are promised.
  const bool is_behind =
      waiting.result_bytes > 0 && waiting.result_bytes + promised_bytes > kMostBytes;
  // Tests whether the log can be written again.
  if (waiting.is_failing) warn("a line of this log could not be written");
  if (waiting.is_failing || is_behind || waiting.lines + promised_results_ >= kMostLines)
    return std::nullopt;
  return Reservation(promised_results_);
}

void Log::write_result(Reservation, const std::string& line) {
  ++writer_->waiting.lines;
  writer_->waiting.result_bytes += line.size();
  writer_->results->info(view_of(line));
}

void Log::close() {
  std::promise<void> closed;
  auto is_closed = closed.get_future();
  // If the log's reader has stopped reading, this thread ends only with the process.
  std::thread([writer = writer_, closed = std::move(closed)]() mutable {
    writer->end();
    closed.set_value();
  }).detach();
  is_closed.wait_for(kLastWords);
}

std::string log_time() {
  using std::chrono::microseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<microseconds>(now).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06d}Z", fmt::gmtime(us / 1'000'000), us % 1'000'000);
}

}  // namespace pyexec
