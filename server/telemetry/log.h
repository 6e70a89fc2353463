// What an operator should know, line by line. Never a script's own words, never a secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace pyexec {

enum class LogFormat {
  text,   // a sentence a line, on standard error
  json,   // an object a line with the fields of Cloud Logging, on standard output
  quiet,  // text, without a line a request
};

// Before the first line.
void open_log(LogFormat format);
// From here on a thread of its own writes, and nobody waits for whoever reads the log. What waits
// is bounded in lines and bytes, that of requests to half of it; what finds no room is dropped.
void write_log_in_background();
// Those, and lines that could not be written.
std::uint64_t dropped_log_lines();

// That a result, of at most kMostResultBytes, will find room in the log. Move-only.
class LogReservation {
 public:
  // Nothing while the log cannot be written, or results that wait for its reader have the room.
  static std::optional<LogReservation> take();
  LogReservation(LogReservation&& other) noexcept
      : is_held_(std::exchange(other.is_held_, false)) {}
  LogReservation& operator=(LogReservation&&) = delete;
  ~LogReservation();

 private:
  LogReservation() = default;
  bool is_held_ = true;
};
inline constexpr std::size_t kMostResultBytes = 220 << 10;

// Gives what is still to be written a second.
void close_log();

// Something is wrong, or has been mended.
void log_line(std::string_view text);
// The service cannot begin.
void log_failure(std::string_view text);
// All is well.
void log_notice(std::string_view text);
// Lines that have their form already.
void log_request(const std::string& line);
void log_result(LogReservation room, const std::string& line);

// The moment as RFC 3339 has it, in UTC, with microseconds.
std::string log_time();

}  // namespace pyexec
