// Frames on the job socket, between the server and one worker. See README.md for the byte diagram.
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sandbox/base/step.h"
#include "sandbox/base/times.h"
#include "worker/protocol/job.h"

namespace pyexec {

inline constexpr std::size_t kFrameHeaderBytes = 12;
// The header of every section: tag and length.
inline constexpr std::size_t kSectionHeaderBytes = 5;
// The size of a REPORT's body without its text, its detail and its files: five section headers, the
// kind and the times. Each entry of a list has two lengths.
inline constexpr std::size_t kReportOverheadBytes = 6 * kSectionHeaderBytes + 1 + 24;
inline constexpr std::size_t kEntryOverheadBytes = 8;

// The size of a CALL's body without its list.
inline constexpr std::size_t kCallOverheadBytes = 2 * kSectionHeaderBytes + 16;

enum class FrameType : std::uint16_t {
  ready = 1,
  job = 2,
  report = 3,
  setup_failed = 4,
  fork = 5,
  forked = 6,
  call = 7,
  answer = 8
};

struct FrameHeader {
  FrameType type;
  std::uint32_t
      body_bytes;  // not yet compared with any cap: the caller's duty, before it allocates
};

// The durations of a worker's steps, from its fork until it was ready, and its usage by then.
struct StartTimes {
  std::uint64_t populate_ns, enter_ns, warm_up_ns;
  sandbox::Usage usage;
};

std::string encode_ready(const StartTimes& times);
std::string encode_setup_failed(const sandbox::SetupError& error);
std::string encode_job(const Job& job);
std::string encode_report(const Report& report);
std::string encode_call(const ToolCalls& calls);
std::string encode_answer(const ToolAnswer& answer);
// With three descriptors: the job socket, stdout and stderr of the process to fork.
std::string encode_fork();
// pid: the new process's own, in its jail.
std::string encode_forked(std::uint64_t pid);
inline constexpr std::size_t kForkFds = 3;
// `index` of a SETUP_FAILED with Step::verify: a job has changed the files of its template.
inline constexpr std::uint32_t kTouchedFiles = 40;

// Return nullopt if the bytes are not exactly what the encoders above write.
std::optional<FrameHeader> decode_header(std::span<const std::byte, kFrameHeaderBytes> bytes);
std::optional<StartTimes> decode_ready(std::string_view body);
std::optional<sandbox::SetupError> decode_setup_failed(std::string_view body);
std::optional<std::uint64_t> decode_forked(std::string_view body);
std::optional<Job> decode_job(std::string_view body);
std::optional<ToolAnswer> decode_answer(std::string_view body);
// Returns nullopt also if there is none, or more than kMostCallsAtOnce.
std::optional<Untrusted<ToolCalls>> decode_call(std::string_view body);
// Returns nullopt also if there are more than `most_files` files.
std::optional<Untrusted<Report>> decode_report(std::string_view body, const ReportOptions& wanted);

}  // namespace pyexec
