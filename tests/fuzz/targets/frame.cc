// The other frames of the job socket: its header, a job, and what a worker says before it runs one.
#include "worker/protocol/frame.h"

#include <cstring>

#include "server/job/pending_calls.h"

#include "tests/fuzz/fuzz.h"

namespace pyexec {
namespace {

void try_header(std::string_view input) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  if (input.size() < bytes.size()) return;
  std::memcpy(bytes.data(), input.data(), bytes.size());
  if (const auto header = decode_header(bytes)) {
    const auto type = static_cast<unsigned>(header->type);
    FUZZ_CHECK(type >= 1 && type <= static_cast<unsigned>(FrameType::answer));
  }
}

void try_job(std::string_view input) {
  const auto job = decode_job(input);
  if (!job) return;
  FUZZ_CHECK(job->bytes() <= input.size());
  const std::string again = encode_job(*job);
  FUZZ_CHECK(decode_job(std::string_view(again).substr(kFrameHeaderBytes)) == job);
}

void try_ready(std::string_view input) {
  if (const auto times = decode_ready(input))
    FUZZ_CHECK(encode_ready(*times).substr(kFrameHeaderBytes) == input);
}

void try_setup_failed(std::string_view input) {
  if (const auto error = decode_setup_failed(input))
    FUZZ_CHECK(encode_setup_failed(*error).substr(kFrameHeaderBytes) == input);
}

void try_forked(std::string_view input) {
  if (const auto pid = decode_forked(input))
    FUZZ_CHECK(encode_forked(*pid).substr(kFrameHeaderBytes) == input);
}

void try_answer(std::string_view input) {
  if (const auto answer = decode_answer(input))
    FUZZ_CHECK(encode_answer(*answer).substr(kFrameHeaderBytes) == input);
}

void try_call(std::string_view input) {
  const auto frame = decode_call(input);
  if (!frame) return;
  FUZZ_CHECK(encode_call(frame->unchecked()).substr(kFrameHeaderBytes) == input);
  const auto calls = validate_calls(*frame, 10);
  FUZZ_CHECK(calls.size() == frame->unchecked().calls.size());
}

constexpr void (*kParsers[])(std::string_view) = {try_header, try_job,  try_ready, try_setup_failed,
                                                  try_forked, try_call, try_answer};

}  // namespace
}  // namespace pyexec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  std::string_view input = fuzz::text_of(data, size);
  kParsers[fuzz::take_choice(input) % std::size(kParsers)](input);
  return 0;
}
