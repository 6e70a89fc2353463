#include "worker/protocol/frame.h"

#include <cstring>

namespace pyexec {
namespace {

constexpr char kMagic[4] = {'P', 'Y', 'X', '1'};

enum class Section : std::uint8_t {
  script = 1,
  kind = 2,
  text = 3,
  setup_error = 4,
  times = 5,
  args = 6,
  stdin_text = 7,
  files = 8,
  environment = 9,
  memory = 10,
  detail = 11,
  patterns = 12,
  denied = 13,
  pid = 14,
  tools = 15,
  call_numbers = 16,
  calls = 17,
  displays = 18
};

template <typename T>
void append_number(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

template <typename T>
T read_number(const char* bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value = static_cast<T>(value | static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  return value;
}

using SectionList = std::initializer_list<std::pair<Section, std::string_view>>;

std::string encode(FrameType type, SectionList sections) {
  std::size_t body_bytes = 0;
  for (const auto& [tag, bytes] : sections) body_bytes += kSectionHeaderBytes + bytes.size();
  std::string out;
  out.reserve(kFrameHeaderBytes + body_bytes);
  out.append(kMagic, sizeof kMagic);
  append_number(out, static_cast<std::uint16_t>(type));
  append_number(out, std::uint16_t{0});
  append_number(out, static_cast<std::uint32_t>(body_bytes));
  for (const auto& [tag, bytes] : sections) {
    append_number(out, static_cast<std::uint8_t>(tag));
    append_number(out, static_cast<std::uint32_t>(bytes.size()));
    out.append(bytes);
  }
  return out;
}

// Decodes exactly the sections in `expected`, in that order, with nothing after them.
template <std::size_t Count>
std::optional<std::array<std::string_view, Count>> decode(std::string_view body,
                                                          const Section (&expected)[Count]) {
  std::array<std::string_view, Count> out;
  for (std::size_t i = 0; i < Count; ++i) {
    if (body.size() < kSectionHeaderBytes) return std::nullopt;
    if (static_cast<Section>(body[0]) != expected[i]) return std::nullopt;
    const auto size = read_number<std::uint32_t>(body.data() + 1);
    body.remove_prefix(kSectionHeaderBytes);
    if (size > body.size()) return std::nullopt;
    out[i] = body.substr(0, size);
    body.remove_prefix(size);
  }
  if (!body.empty()) return std::nullopt;
  return out;
}

std::string numbers(std::initializer_list<std::uint64_t> values) {
  std::string out;
  for (const std::uint64_t value : values) append_number(out, value);
  return out;
}

// Encodes for each entry: the length of its name, its name, the length of its bytes, its bytes.
std::string list(const std::vector<NamedBytes>& entries) {
  std::string out;
  for (const NamedBytes& entry : entries)
    for (const std::string* text : {&entry.name, &entry.bytes}) {
      append_number(out, static_cast<std::uint32_t>(text->size()));
      out.append(*text);
    }
  return out;
}

std::optional<std::vector<NamedBytes>> read_list(std::string_view bytes, std::uint64_t most) {
  std::vector<NamedBytes> out;
  while (!bytes.empty()) {
    if (out.size() == most) return std::nullopt;
    NamedBytes entry;
    for (std::string* text : {&entry.name, &entry.bytes}) {
      if (bytes.size() < sizeof(std::uint32_t)) return std::nullopt;
      const auto size = read_number<std::uint32_t>(bytes.data());
      bytes.remove_prefix(sizeof size);
      if (size > bytes.size()) return std::nullopt;
      text->assign(bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
    out.push_back(std::move(entry));
  }
  return out;
}

template <std::size_t Count>
std::optional<std::array<std::uint64_t, Count>> read_numbers(std::string_view bytes) {
  std::array<std::uint64_t, Count> out;
  if (bytes.size() != sizeof out) return std::nullopt;
  for (std::size_t i = 0; i < Count; ++i)
    out[i] = read_number<std::uint64_t>(bytes.data() + i * sizeof out[0]);
  return out;
}

}  // namespace

std::string encode_ready(const StartTimes& times) {
  const std::string bytes = numbers({times.populate_ns, times.enter_ns, times.warm_up_ns,
                                     times.usage.cpu_ns, times.usage.peak_rss_bytes});
  return encode(FrameType::ready, {{Section::times, bytes}});
}

std::string encode_setup_failed(const sandbox::SetupError& error) {
  char bytes[sizeof error];
  std::memcpy(bytes, &error, sizeof error);
  return encode(FrameType::setup_failed, {{Section::setup_error, {bytes, sizeof bytes}}});
}

std::string encode_job(const Job& job) {
  const ReportOptions& options = job.options;
  std::vector<NamedBytes> patterns;
  for (const std::string& pattern : options.return_files) patterns.push_back({pattern, ""});
  return encode(FrameType::job,
                {{Section::script, job.script},
                 {Section::args, job.args},
                 {Section::stdin_text, job.stdin_text},
                 {Section::files, list(job.files)},
                 {Section::environment, list(job.environment)},
                 {Section::memory, numbers({job.memory_bytes})},
                 {Section::detail,
                  numbers({options.error_detail, options.nan_is_null, options.files_bytes,
                           options.files_count, options.files_depth, options.is_cell,
                           options.session_cell, static_cast<std::uint64_t>(options.template_part),
                           options.is_call, options.only_new_files, options.displays_count,
                           options.displays_bytes, static_cast<std::uint64_t>(options.dataframe)})},
                 {Section::patterns, list(patterns)},
                 {Section::denied, options.denied_imports},
                 {Section::tools, job.tools}});
}

std::string encode_report(const Report& report) {
  const char kind_byte = static_cast<char>(report.kind);
  return encode(FrameType::report,
                {{Section::kind, {&kind_byte, 1}},
                 {Section::text, report.text},
                 {Section::times, numbers({report.times.began_ns, report.times.ended_ns,
                                           report.times.grown_bytes})},
                 {Section::detail, list(report.detail)},
                 {Section::files, list(report.files)},
                 {Section::displays, list(report.displays)}});
}

std::string encode_call(const ToolCalls& calls) {
  return encode(FrameType::call, {{Section::call_numbers, numbers({calls.first, calls.may_follow})},
                                  {Section::calls, list(calls.calls)}});
}

std::string encode_answer(const ToolAnswer& answer) {
  return encode(FrameType::answer,
                {{Section::call_numbers, numbers({answer.number, answer.is_error})},
                 {Section::text, answer.text}});
}

std::string encode_fork() {
  return encode(FrameType::fork, {});
}

std::string encode_forked(std::uint64_t pid) {
  return encode(FrameType::forked, {{Section::pid, numbers({pid})}});
}

std::optional<FrameHeader> decode_header(std::span<const std::byte, kFrameHeaderBytes> bytes) {
  char text[kFrameHeaderBytes];
  std::memcpy(text, bytes.data(), sizeof text);
  if (std::memcmp(text, kMagic, sizeof kMagic) != 0) return std::nullopt;
  const auto type = read_number<std::uint16_t>(text + 4);
  if (type < 1 || type > static_cast<std::uint16_t>(FrameType::answer)) return std::nullopt;
  if (read_number<std::uint16_t>(text + 6) != 0) return std::nullopt;
  return FrameHeader{static_cast<FrameType>(type), read_number<std::uint32_t>(text + 8)};
}

std::optional<StartTimes> decode_ready(std::string_view body) {
  const auto sections = decode(body, {Section::times});
  if (!sections) return std::nullopt;
  const auto times = read_numbers<5>((*sections)[0]);
  if (!times) return std::nullopt;
  return StartTimes{(*times)[0], (*times)[1], (*times)[2], {(*times)[3], (*times)[4]}};
}

std::optional<sandbox::SetupError> decode_setup_failed(std::string_view body) {
  const auto sections = decode(body, {Section::setup_error});
  sandbox::SetupError error;
  if (!sections || (*sections)[0].size() != sizeof error) return std::nullopt;
  std::memcpy(&error, (*sections)[0].data(), sizeof error);
  return error;
}

std::optional<std::uint64_t> decode_forked(std::string_view body) {
  const auto sections = decode(body, {Section::pid});
  const auto pid = sections ? read_numbers<1>((*sections)[0]) : std::nullopt;
  if (!pid) return std::nullopt;
  return (*pid)[0];
}

std::optional<Job> decode_job(std::string_view body) {
  constexpr std::uint64_t kAny = ~0u;  // the server has checked the count
  const auto sections =
      decode(body, {Section::script, Section::args, Section::stdin_text, Section::files,
                    Section::environment, Section::memory, Section::detail, Section::patterns,
                    Section::denied, Section::tools});
  if (!sections) return std::nullopt;
  auto files = read_list((*sections)[3], kAny);
  auto environment = read_list((*sections)[4], kAny);
  const auto memory = read_numbers<1>((*sections)[5]);
  const auto options = read_numbers<13>((*sections)[6]);
  auto patterns = read_list((*sections)[7], kAny);
  if (!files || !environment || !memory || !options || !patterns) return std::nullopt;
  if ((*options)[7] > static_cast<std::uint64_t>(TemplatePart::job)) return std::nullopt;
  if ((*options)[12] > static_cast<std::uint64_t>(DataFrameForm::csv)) return std::nullopt;
  Job job = {std::string((*sections)[0]), std::string((*sections)[1]), std::string((*sections)[2]),
             *std::move(files),           *std::move(environment),     (*memory)[0]};
  job.tools = (*sections)[9];
  job.options = {(*options)[0],
                 (*options)[1],
                 {},
                 (*options)[2],
                 (*options)[3],
                 (*options)[4],
                 std::string((*sections)[8]),
                 (*options)[5],
                 (*options)[6],
                 static_cast<TemplatePart>((*options)[7]),
                 (*options)[8],
                 (*options)[9],
                 (*options)[10],
                 (*options)[11],
                 static_cast<DataFrameForm>((*options)[12])};
  for (NamedBytes& pattern : *patterns) job.options.return_files.push_back(std::move(pattern.name));
  return job;
}

std::optional<ToolAnswer> decode_answer(std::string_view body) {
  const auto sections = decode(body, {Section::call_numbers, Section::text});
  const auto told = sections ? read_numbers<2>((*sections)[0]) : std::nullopt;
  if (!told || (*told)[1] > 1) return std::nullopt;
  return ToolAnswer{(*told)[0], (*told)[1], std::string((*sections)[1])};
}

std::optional<Untrusted<ToolCalls>> decode_call(std::string_view body) {
  const auto sections = decode(body, {Section::call_numbers, Section::calls});
  const auto told = sections ? read_numbers<2>((*sections)[0]) : std::nullopt;
  if (!told || (*told)[1] > 1) return std::nullopt;
  auto calls = read_list((*sections)[1], kMostCallsAtOnce);
  if (!calls || calls->empty()) return std::nullopt;
  return Untrusted(ToolCalls{(*told)[0], (*told)[1], *std::move(calls)});
}

std::optional<Untrusted<Report>> decode_report(std::string_view body, const ReportOptions& wanted) {
  const auto sections = decode(body, {Section::kind, Section::text, Section::times, Section::detail,
                                      Section::files, Section::displays});
  if (!sections || (*sections)[0].size() != 1) return std::nullopt;
  const auto times = read_numbers<3>((*sections)[2]);
  if (!times) return std::nullopt;
  const auto kind = static_cast<std::uint8_t>((*sections)[0][0]);
  if (kind < 1 || kind > static_cast<std::uint8_t>(kLastReportKind)) return std::nullopt;
  auto detail = read_list((*sections)[3], kMostDetails);
  auto files = read_list((*sections)[4], wanted.files_count);
  auto displays = read_list((*sections)[5], wanted.displays_count * kMostDisplayForms + 1);
  if (!detail || !files || !displays) return std::nullopt;
  return Untrusted(Report{static_cast<ReportKind>(kind), std::string((*sections)[1]),
                          RunTimes{(*times)[0], (*times)[1], (*times)[2]}, *std::move(detail),
                          *std::move(files), *std::move(displays)});
}

}  // namespace pyexec
