#include "server/engine/endpoints.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "server/base/utf8.h"
#include "server/job/input_rules.h"
#include "server/job/job_defaults.h"
#include "server/json/json_members.h"

namespace pyexec {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEndpoints = 200;

// Of the template of one: no client has such a subject.
std::string owner_of(const std::string& name) {
  return "tool " + name;
}

std::optional<std::string> read_file(const fs::path& path, std::uint64_t most) {
  std::ifstream file(path, std::ios::binary);
  std::string text(most + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (!file.eof() && file.fail())) return std::nullopt;
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' '; }, '?');
  return text;
}

// Of a traceback: what was wrong, without where.
std::string last_line_of(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text.substr(text.rfind('\n') + 1));
}

}  // namespace

boost::system::result<std::vector<Endpoints::File>, std::string> Endpoints::read(
    const std::string& directory, const JobCaps& caps) {
  std::error_code error;
  std::vector<File> files;
  fs::directory_iterator entries(directory, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path path = entries->path();
    if (path.extension() != ".py" || path.filename().string().starts_with('.')) continue;
    File file = {path.stem().string(), "", ""};
    const bool is_file =
        entries->is_regular_file(error);  // opening a pipe would wait for its writer
    const auto text = is_file ? read_file(path, caps.script_bytes) : std::nullopt;
    error.clear();
    if (const auto problem = problem_with_tool_name(file.name))
      file.problem = "its name " + *problem;
    else if (file.name == "run_python")
      file.problem = "a tool of this server's own has that name";
    else if (!is_file)
      file.problem = "it is no file";
    else if (!text)
      file.problem = "it cannot be read";
    else if (text->size() > caps.script_bytes)
      file.problem = "it is larger than the limit of " + std::to_string(caps.script_bytes) +
                     " bytes (PYEXEC_SCRIPT_BYTES)";
    else if (to_valid_utf8(*text) != *text)
      file.problem = "it is not UTF-8";
    else
      file.code = *text;
    files.push_back(std::move(file));
    if (files.size() > kMostEndpoints)
      return "it has more than " + std::to_string(kMostEndpoints) + " scripts";
  }
  if (error) return error.message();
  std::sort(files.begin(), files.end(),
            [](const File& one, const File& other) { return one.name < other.name; });
  return files;
}

const Endpoint* Endpoints::find(std::string_view name) const {
  const auto found = endpoints_.find(name);
  return found == endpoints_.end() ? nullptr : &found->second;
}

awaitable<Outcome> Endpoints::prepare(const Endpoint& endpoint, std::string& template_name) {
  Cancellation never;
  const auto output = std::make_shared<JobOutput>(parts_.caps.output_bytes);
  auto putting = parts_.templates.put(endpoint.setup, output, never);
  Templates::Put put = co_await std::move(putting);
  template_name = put.name;
  co_return std::move(put.outcome);
}

// Returns why the file is no good.
awaitable<std::optional<Endpoints::Refused>> Endpoints::take(const File& file) {
  if (!file.problem.empty()) co_return Refused{file.problem};
  Endpoint endpoint = {file.name, "", "", plain_request(parts_.caps)};
  endpoint.setup.job.script = file.code;
  endpoint.setup.job.options.is_cell = 1;
  endpoint.setup.owner = owner_of(file.name);
  JobRequest asking = plain_request(parts_.caps);
  asking.owner = endpoint.setup.owner;
  auto preparing = prepare(endpoint, asking.template_name);
  const Outcome prepared = co_await std::move(preparing);
  if (prepared.kind != OutcomeKind::ok)
    co_return Refused{prepared.error, prepared.kind == OutcomeKind::busy};
  endpoint.template_name = asking.template_name;
  const Endpoint* before = find(file.name);
  if (before != nullptr && before->template_name != endpoint.template_name)
    parts_.templates.remove(endpoint.setup.owner, before->template_name);
  const auto refuse = [&](const std::string& why) {
    parts_.templates.remove(endpoint.setup.owner, endpoint.template_name);
    return Refused{why};
  };
  asking.job.options.is_cell = 1;
  asking.job.script = "__import__('sys').modules['_pyexec_endpoints'].described(main)";
  Cancellation never;
  const auto output = std::make_shared<JobOutput>(parts_.caps.output_bytes);
  auto running = parts_.templates.run(asking, output, never);
  const Outcome described = co_await std::move(running);
  if (described.kind != OutcomeKind::ok) {
    const bool has_none = described.error.find("name 'main' is not defined") != std::string::npos;
    if (described.kind == OutcomeKind::busy) co_return Refused{described.error, true};
    co_return refuse(has_none ? "it has no main()" : last_line_of(described.error));
  }
  const auto members = JsonMembers::of(described.result_json);
  if (!members || !members->text("description") || !members->has("input_schema"))
    co_return refuse("what its main() takes could not be found out");
  endpoint.description = *members->text("description");
  endpoint.input_schema = (*members)["input_schema"];
  endpoints_.insert_or_assign(file.name, std::move(endpoint));
  co_return std::nullopt;
}

void Endpoints::forget(const std::string& name) {
  const auto known = endpoints_.extract(name);
  if (!known.empty()) parts_.templates.remove(owner_of(name), known.mapped().template_name);
}

awaitable<std::optional<std::string>> Endpoints::load() {
  if (directory_.empty()) co_return std::nullopt;
  const auto look = [&] { return read(directory_, parts_.caps); };
  auto files = co_await parts_.offload.run(Offload::kLargeBytes, look);
  if (!files) co_return files.error();
  for (auto known = endpoints_.begin(); known != endpoints_.end();) {
    const bool is_there = std::any_of(files->begin(), files->end(),
                                      [&](const File& file) { return file.name == known->first; });
    const std::string name = known->first;
    ++known;
    if (!is_there) forget(name);
  }
  for (const File& file : *files) {
    auto taking = take(file);
    const auto problem = co_await std::move(taking);
    if (!problem) continue;
    const bool stays = problem->stays && find(file.name) != nullptr;
    if (!stays) forget(file.name);
    parts_.telemetry.log.warn("tool " + on_one_line(file.name) + ".py " +
                              (stays ? "stays as it was: " : "is left out: ") + problem->why);
  }
  co_return std::nullopt;
}

awaitable<Outcome> Endpoints::run(std::string name, const JobRequest& request,
                                  std::shared_ptr<JobOutput> output, Cancellation& cancellation) {
  const Endpoint* endpoint = find(name);
  if (endpoint == nullptr) co_return Outcome{OutcomeKind::not_found, "", "there is no such tool"};
  JobRequest job = request;
  job.owner = endpoint->setup.owner;
  const Endpoint kept = *endpoint;
  // Its template is there already, as a rule: then this costs a hash.
  auto preparing = prepare(kept, job.template_name);
  Outcome prepared = co_await std::move(preparing);
  if (prepared.kind != OutcomeKind::ok) co_return prepared;
  auto running = parts_.templates.run(job, std::move(output), cancellation);
  co_return co_await std::move(running);
}

}  // namespace pyexec
