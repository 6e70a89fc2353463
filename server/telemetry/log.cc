#include "server/telemetry/log.h"

#include <spdlog/async.h>
#include <spdlog/fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <thread>

#include "server/job/answer.h"

namespace pyexec {
namespace {

// What may wait to be written. Of bytes results have as many for themselves.
constexpr std::uint64_t kMostLines = 8192, kMostBytes = 64 << 20;
constexpr std::chrono::seconds kLastWords{1};
constexpr const char* kText = "pyexec: %v";
constexpr const char* kAsItIs = "%v";

const char* severity(spdlog::level::level_enum level) {
  if (level >= spdlog::level::critical) return "CRITICAL";
  return level >= spdlog::level::warn ? "WARNING" : "INFO";
}

// Of lines that are handed over and not written. Changed by two threads.
std::atomic<std::uint64_t> waiting_lines = 0, waiting_bytes = 0, waiting_result_bytes = 0;
std::atomic<std::uint64_t> dropped = 0;
std::atomic<bool> is_failing = false;  // the last line could not be written
std::uint64_t promised_results = 0;    // the server's thread's

// Writes results where the default logger writes.
constexpr const char* kResults = "results";
std::shared_ptr<spdlog::logger> results;

template <typename Sink>
class Counted final : public Sink {
 public:
  // The library does not look whether it could write.
  void log(const spdlog::details::log_msg& line) override {
    const std::size_t bytes = line.payload.size();
    const bool is_result = line.logger_name == kResults;
    Sink::log(line);
    is_failing = std::ferror(this->file_) != 0;
    if (is_failing) {
      ++dropped;
      std::clearerr(this->file_);
    }
    --waiting_lines;
    (is_result ? waiting_result_bytes : waiting_bytes) -= bytes;
  }
};

enum class Share : std::uint64_t { all = 1, half = 2 };

void hand_over(spdlog::level::level_enum level, std::string_view line, Share share) {
  const auto part = static_cast<std::uint64_t>(share);
  if (waiting_lines + promised_results >= kMostLines / part ||
      waiting_bytes + line.size() > kMostBytes / part) {
    ++dropped;
    return;
  }
  ++waiting_lines;
  waiting_bytes += line.size();
  spdlog::default_logger_raw()->log(level, spdlog::string_view_t(line.data(), line.size()));
}

bool is_json() {
  return spdlog::default_logger_raw()->name() == "json";
}

// The library formats what is a sentence; objects are made here, where text is made valid.
void write(spdlog::level::level_enum level, std::string_view text) {
  if (!is_json()) return hand_over(level, text, Share::all);
  Members members;
  members.text("severity", severity(level));
  members.text("time", log_time());
  members.text("message", text);
  hand_over(level, members.object(), Share::all);
}

spdlog::sink_ptr sink_for(LogFormat format) {
  spdlog::sink_ptr sink;
  if (format == LogFormat::json)
    sink = std::make_shared<Counted<spdlog::sinks::stdout_sink_mt>>();
  else
    sink = std::make_shared<Counted<spdlog::sinks::stderr_sink_mt>>();
  sink->set_pattern(format == LogFormat::json ? kAsItIs : kText);
  return sink;
}

}  // namespace

void open_log(LogFormat format) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      format == LogFormat::json ? "json" : "text", sink_for(format)));
}

void write_log_in_background() {
  const spdlog::logger& before = *spdlog::default_logger_raw();
  const spdlog::sink_ptr sink = before.sinks().front();
  spdlog::init_thread_pool(kMostLines + 1, 1);
  const auto logger = [&](const std::string& name) {
    return std::make_shared<spdlog::async_logger>(name, sink, spdlog::thread_pool(),
                                                  spdlog::async_overflow_policy::overrun_oldest);
  };
  results = logger(kResults);
  spdlog::set_default_logger(logger(before.name()));
}

std::uint64_t dropped_log_lines() {
  return dropped;
}

std::optional<LogReservation> LogReservation::take() {
  const std::uint64_t promised_bytes = (promised_results + 1) * kMostResultBytes;
  // While none waits, its reader is not behind, however many are promised.
  const bool is_behind =
      waiting_result_bytes > 0 && waiting_result_bytes + promised_bytes > kMostBytes;
  if (is_failing) log_line("a line of this log could not be written");  // tries whether it can now
  if (is_failing || is_behind || waiting_lines + promised_results >= kMostLines)
    return std::nullopt;
  ++promised_results;
  return LogReservation();
}

LogReservation::~LogReservation() {
  if (is_held_) --promised_results;
}

void close_log() {
  std::promise<void> closed;
  auto is_closed = closed.get_future();
  // Whoever reads the log may have stopped to: then this thread ends with the process.
  std::thread([closed = std::move(closed)]() mutable {
    results.reset();
    spdlog::shutdown();
    closed.set_value();
  }).detach();
  is_closed.wait_for(kLastWords);
}

void log_line(std::string_view text) {
  write(spdlog::level::warn, text);
}

void log_failure(std::string_view text) {
  write(spdlog::level::critical, text);
}

void log_notice(std::string_view text) {
  write(spdlog::level::info, text);
}

void log_request(const std::string& line) {
  hand_over(spdlog::level::info, line, Share::half);
}

void log_result(LogReservation, const std::string& line) {
  ++waiting_lines;
  waiting_result_bytes += line.size();
  results->info(spdlog::string_view_t(line.data(), line.size()));
}

std::string log_time() {
  using std::chrono::microseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<microseconds>(now).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06d}Z", fmt::gmtime(us / 1'000'000), us % 1'000'000);
}

}  // namespace pyexec
