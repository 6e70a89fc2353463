// The body of POST /execute, and a line of a batch (choice: odd).
#include "server/job/job_request.h"

#include "server/base/utf8.h"
#include "server/job/input_rules.h"
#include "server/json/untrusted_json.h"
#include "tests/fuzz/fuzz.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

const JobCaps kCaps = {.script_bytes = 200,
                       .input_bytes = 400,
                       .timeout_ms = 30000,
                       .memory_mb = 1024,
                       .output_bytes = 4096,
                       .result_depth = 5,
                       .env_names = "TZ,LC_*,JOB_*",
                       .files_bytes = 1000,
                       .files_count = 4,
                       .files_depth = 3,
                       .denied_imports = "os"};
constexpr std::uint64_t kAnyDepth = 1000;

bool is_json(std::string_view text) {
  return reserialise(text, kAnyDepth).has_value();
}

void check_refusal(const BadRequest& refusal) {
  FUZZ_CHECK(refusal.status == 400 || refusal.status == 413);
  FUZZ_CHECK(!refusal.message.empty());
  FUZZ_CHECK(is_json(refusal.id_json));
  std::string shown;
  append_json_string(shown, to_valid_utf8(refusal.message));
  FUZZ_CHECK(is_json(shown));
}

void check_job(const JobRequest& request) {
  const Job& job = request.job;
  FUZZ_CHECK(job.script.size() <= kCaps.script_bytes);
  FUZZ_CHECK(job.bytes() - job.script.size() <= kCaps.input_bytes);
  FUZZ_CHECK(request.timeout_ms >= 1 && request.timeout_ms <= kCaps.timeout_ms);
  FUZZ_CHECK(request.memory_mb >= 1 && request.memory_mb <= kCaps.memory_mb);
  FUZZ_CHECK(request.output_bytes <= kCaps.output_bytes);
  FUZZ_CHECK(is_json(request.id_json));
  FUZZ_CHECK(job.args.empty() || reserialise(job.args, kCaps.result_depth).has_value());
  for (const NamedBytes& file : job.files) FUZZ_CHECK(!problem_with_name(file.name));
  for (const NamedBytes& variable : job.environment)
    FUZZ_CHECK(!problem_with_variable(variable.name, variable.bytes, kCaps.env_names));
  const std::string frame = encode_job(job);
  FUZZ_CHECK(decode_job(std::string_view(frame).substr(kFrameHeaderBytes)) == job);
}

}  // namespace
}  // namespace pyexec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  std::string_view input = fuzz::text_of(data, size);
  const bool is_line = fuzz::take_choice(input) % 2 != 0;
  const auto request =
      is_line ? parse_batch_line(input, kCaps, plain_request(kCaps)) : parse_job(input, kCaps);
  if (!request)
    check_refusal(request.error());
  else if (request->line == JobRequest::Line::job)
    check_job(*request);
  return 0;
}
