// What a worker that has run a stranger's code says of it, and its validation.
#include "server/base/utf8.h"
#include "server/job/displays.h"
#include "server/job/input_rules.h"
#include "server/job/validate_report.h"
#include "server/json/untrusted_json.h"
#include "tests/fuzz/fuzz.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

const JobCaps kCaps = {.result_bytes = 1000, .result_depth = 8};
constexpr std::uint64_t kMostFiles = 3, kFilesBytes = 100, kMostDisplays = 2;

void check_outcome(const Outcome& outcome, const ReportOptions& options) {
  if (outcome.kind == OutcomeKind::ok)
    FUZZ_CHECK(reserialise(outcome.result_json, kCaps.result_depth).has_value());
  else
    FUZZ_CHECK(to_valid_utf8(outcome.error) == outcome.error);
  FUZZ_CHECK(outcome.cell.has_value() <= (options.is_cell == 1 && outcome.kind == OutcomeKind::ok));
  if (outcome.cell) {
    const std::string repr = outcome.cell->repr.value_or("");
    FUZZ_CHECK(to_valid_utf8(repr) == repr);
    FUZZ_CHECK(to_valid_utf8(outcome.cell->result_problem) == outcome.cell->result_problem);
  }
  FUZZ_CHECK(outcome.files.size() <= options.files_count);
  std::uint64_t bytes = 0;
  for (const NamedBytes& file : outcome.files) {
    FUZZ_CHECK(is_relative_path(file.name));
    FUZZ_CHECK(file.name.size() <= kReturnedNameBytes);
    bytes += file.bytes.size();
  }
  FUZZ_CHECK(bytes <= options.files_bytes);
  FUZZ_CHECK(outcome.displays.size() <= options.displays_count);
  std::uint64_t shown = 0;
  for (const Display& display : outcome.displays) {
    FUZZ_CHECK(!display.empty());
    for (const NamedBytes& form : display) {
      if (is_text_display(form.name)) FUZZ_CHECK(to_valid_utf8(form.bytes) == form.bytes);
      if (!is_text_display(form.name)) shown += form.bytes.size();
    }
  }
  FUZZ_CHECK(shown <= options.displays_bytes);
}

}  // namespace
}  // namespace pyexec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  std::string_view input = fuzz::text_of(data, size);
  const unsigned choice = fuzz::take_choice(input);
  ReportOptions options;
  options.files_count = kMostFiles;
  options.files_bytes = kFilesBytes;
  options.displays_count = kMostDisplays;
  options.displays_bytes = kFilesBytes;
  const auto report = decode_report(input, options);
  if (!report) return 0;
  FUZZ_CHECK(report->unchecked().files.size() <= kMostFiles);
  options.error_detail = choice & 1;
  if (choice & 2) options.return_files = {"*"};
  options.is_cell = choice >> 2 & 1;
  check_outcome(validate_report(*report, options, kCaps), options);
  const std::string again = encode_report(report->unchecked());
  const auto copy = decode_report(std::string_view(again).substr(kFrameHeaderBytes), options);
  FUZZ_CHECK(copy && copy->unchecked().text == report->unchecked().text);
  FUZZ_CHECK(copy->unchecked().files == report->unchecked().files);
  FUZZ_CHECK(copy->unchecked().displays == report->unchecked().displays);
  return 0;
}
