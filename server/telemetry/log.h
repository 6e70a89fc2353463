// What an operator should know, line by line. Never a script's own words, never a secret.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace pyexec {

class Metrics;

enum class LogFormat {
  text,   // a sentence a line
  json,   // an object a line with the fields of Cloud Logging
  quiet,  // text, without a line a request
};

// Used by one thread. Nobody waits for whoever reads the log once `write_in_background` was called.
class Log {
 public:
  // file: where lines go; must stay open as long as the process.
  Log(LogFormat format, std::FILE* file);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // From here on a thread of its own writes. What waits is bounded in lines and bytes, that of
  // requests to half of it; what finds no room is dropped and counted.
  void write_in_background();
  // Gives what is still to be written a second. Nothing may be written afterwards.
  void close();

  LogFormat format() const { return format_; }
  // Lines that found no room, or could not be written.
  std::uint64_t dropped() const;

  void warn(std::string_view text);    // something is wrong, or has been mended
  void fail(std::string_view text);    // the service cannot begin
  void notice(std::string_view text);  // all is well

  // A line that has its form already.
  void write_request(const std::string& line);

  // Room for the line of a result, of at most kMostResultBytes. Move-only.
  class Reservation {
   public:
    explicit Reservation(std::uint64_t& promised) : promised_(&promised) { ++*promised_; }
    Reservation(Reservation&& other) noexcept
        : promised_(std::exchange(other.promised_, nullptr)) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation() {
      if (promised_ != nullptr) --*promised_;
    }

   private:
    std::uint64_t* promised_;
  };
  static constexpr std::size_t kMostResultBytes = 220 << 10;
  // Returns nullopt while the log cannot be written, or results that wait for its reader have the
  // room. The log must outlive the reservation.
  std::optional<Reservation> reserve_result();
  void write_result(Reservation room, const std::string& line);

 private:
  struct Writer;
  enum class Severity { info = 2, warning = 3, critical = 5 };  // those of spdlog
  void write(Severity how, std::string_view text);

  const LogFormat format_;
  const std::shared_ptr<Writer> writer_;
  std::uint64_t promised_results_ = 0;
};

// What every part of the service reports to.
struct Telemetry {
  Log& log;
  Metrics& metrics;
};

// The moment as RFC 3339 has it, in UTC, with microseconds.
std::string log_time();

}  // namespace pyexec
