// What an operator should know, line by line. Never a script's own words, never a secret.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pyexec {

enum class LogFormat {
  text,   // a sentence a line, on standard error
  json,   // an object a line with the fields of Cloud Logging, on standard output
  quiet,  // text, without a line a request
};

// Before the first line.
void open_log(LogFormat format);
// From here on a thread of its own writes, and nobody waits for whoever reads the log: of more than
// a few thousand lines that are not taken the oldest are dropped.
void write_log_in_background();
std::uint64_t dropped_log_lines();
// Whether many lines could come at once without one being dropped.
bool log_has_room();
// Gives what is still to be written a second.
void close_log();

// Something is wrong, or has been mended.
void log_line(std::string_view text);
// All is well.
void log_notice(std::string_view text);
// A line that has its form already.
void log_ready_made(const std::string& line);

// The moment as RFC 3339 has it, in UTC, with microseconds.
std::string log_time();

}  // namespace pyexec
