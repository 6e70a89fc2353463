// The operator's log, line by line. Never holds a script's own words or a secret.
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
  text,   // one sentence a line
  json,   // one object a line, with Cloud Logging's fields
  quiet,  // text, without request lines
};

// Used by one thread. After `write_in_background`, a slow reader of the log blocks nobody.
class Log {
 public:
  // file: where lines go; must stay open as long as the process.
  Log(LogFormat format, std::FILE* file);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // From now on a separate thread writes. Waiting lines are bounded in number and bytes, those of
  // requests to half of that. Lines that find no room are dropped and counted.
  void write_in_background();
  // Waits up to a second for pending lines. Nothing may be written afterwards.
  void close();

  LogFormat format() const { return format_; }
  // Lines that found no room, or could not be written.
  std::uint64_t dropped() const;

  void warn(std::string_view text);    // something is wrong, or has been mended
  void fail(std::string_view text);    // the service cannot begin
  void notice(std::string_view text);  // all is well

  // Writes a line that is already formatted.
  void write_request(const std::string& line);

  // Room for a result's line, at most kMostResultBytes. Move-only.
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
  // Returns nullopt while the log cannot be written, or while results that wait for its reader take
  // up the room. The log must outlive the reservation.
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

// The log and metrics that every part of the service reports to.
struct Telemetry {
  Log& log;
  Metrics& metrics;
};

// Returns the current time in RFC 3339 format, in UTC, with microseconds.
std::string log_time();

}  // namespace pyexec
