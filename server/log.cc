#include "server/log.h"

#include <spdlog/async.h>
#include <spdlog/fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <thread>

#include "server/answer.h"

namespace pyexec {
namespace {

constexpr std::size_t kLinesKept = 8192;
constexpr std::chrono::seconds kLastWords{1};
constexpr const char* kText = "pyexec: %v";
constexpr const char* kAsItIs = "%v";

const char* severity(spdlog::level::level_enum level) {
  return level >= spdlog::level::warn ? "WARNING" : "INFO";
}

// The library formats what is a sentence; objects are made here, where text is made valid.
bool is_json(const spdlog::logger& logger) {
  return logger.name() == "json";
}

void write(spdlog::level::level_enum level, std::string_view text) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!is_json(logger)) return logger.log(level, spdlog::string_view_t(text.data(), text.size()));
  Members members;
  members.text("severity", severity(level));
  members.text("time", log_time());
  members.text("message", text);
  logger.log(level, members.object());
}

spdlog::sink_ptr sink_for(LogFormat format) {
  spdlog::sink_ptr sink;
  if (format == LogFormat::json)
    sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
  else
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
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
  spdlog::init_thread_pool(kLinesKept, 1);
  spdlog::set_default_logger(std::make_shared<spdlog::async_logger>(
      before.name(), before.sinks().front(), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest));
}

std::uint64_t dropped_log_lines() {
  const auto pool = spdlog::thread_pool();
  return pool ? pool->overrun_counter() : 0;
}

bool log_has_room() {
  const auto pool = spdlog::thread_pool();
  return !pool || pool->queue_size() < kLinesKept / 2;
}

void close_log() {
  std::promise<void> closed;
  auto is_closed = closed.get_future();
  // Whoever reads the log may have stopped to: then this thread ends with the process.
  std::thread([closed = std::move(closed)]() mutable {
    spdlog::shutdown();
    closed.set_value();
  }).detach();
  is_closed.wait_for(kLastWords);
}

void log_line(std::string_view text) {
  write(spdlog::level::warn, text);
}

void log_notice(std::string_view text) {
  write(spdlog::level::info, text);
}

void log_ready_made(const std::string& line) {
  spdlog::default_logger_raw()->info(line);
}

std::string log_time() {
  using std::chrono::microseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<microseconds>(now).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06d}Z", fmt::gmtime(us / 1'000'000), us % 1'000'000);
}

}  // namespace pyexec
