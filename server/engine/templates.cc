#include "server/engine/templates.h"

#include <algorithm>

#include "server/base/sha256.h"
#include "server/job/validate_report.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

constexpr std::chrono::seconds kLook{1};

// What decides on the state that a set-up leaves, whatever order its files were sent in.
Job normal_form(const JobRequest& setup) {
  Job job = setup.job;
  const auto by_name = [](const NamedBytes& one, const NamedBytes& other) {
    return one.name < other.name;
  };
  std::sort(job.files.begin(), job.files.end(), by_name);
  std::sort(job.environment.begin(), job.environment.end(), by_name);
  job.options.error_detail = 0;
  return job;
}

}  // namespace

Templates::Templates(const Parts& parts, const TemplateLimits& limits)
    : parts_(parts), limits_(limits), turns_(limits.running_jobs) {}

std::optional<std::string> Templates::name_of(const JobRequest& setup) const {
  const auto hash = sha256(host_.image + '\n' + encode_job(normal_form(setup)));
  if (!hash) return std::nullopt;
  return "sha256:" + as_hex(*hash);
}

awaitable<Templates::Put> Templates::put(JobRequest setup, std::shared_ptr<JobOutput> output,
                                         Cancellation& cancellation) {
  if (refusal_) co_return Put{"", false, busy(*refusal_)};
  if (is_closed_) co_return Put{"", false, busy("the service stops; try again")};
  if (limits_.templates == 0)
    co_return Put{"", false, busy("this service keeps no templates: PYEXEC_TEMPLATES is 0")};
  const auto hash = [&] { return name_of(setup); };
  const auto name = co_await parts_.offload.run(setup.job.bytes(), hash);
  if (!name) co_return Put{"", false, failed(OutcomeKind::internal, "OpenSSL gives no SHA-256")};
  const Key key = {setup.owner, *name};
  // Whoever sends the same meanwhile waits for its one set-up.
  while (beginning_.contains(key) && !cancellation.requested()) {
    const auto other = beginning_.at(key);
    co_await other->wait_until(Clock::now() + kLook);
  }
  const auto found = templates_.find(key);
  if (found != templates_.end()) {
    found->second.known->last_use = Clock::now();
    Outcome there;
    there.kind = OutcomeKind::ok;
    co_return Put{*name, false, std::move(there)};
  }
  beginning_[key] = std::make_shared<Broadcast>(parts_.executor);
  const auto begun = std::shared_ptr<void>(nullptr, [this, key](void*) {
    const auto ended = beginning_.extract(key);
    if (!ended.empty()) ended.mapped()->set();
  });
  auto running = set_up(setup, std::move(output), cancellation);
  SetUp done = co_await std::move(running);
  if (!done.jail) co_return Put{"", false, std::move(done.outcome)};
  const std::uint64_t bytes = done.jail->bytes;
  if (bytes > limits_.memory_bytes) {
    done.jail->processes->end("it is too large");
    Outcome large =
        failed(OutcomeKind::memory_limit,
               "the state of this template takes " + std::to_string(bytes >> 20) +
                   " MiB, and all together have " + std::to_string(limits_.memory_bytes >> 20) +
                   " MiB (PYEXEC_TEMPLATE_MEMORY_MB)");
    co_return Put{"", false, std::move(large)};
  }
  if (is_closed_ || !make_room(setup.owner, bytes)) {
    done.jail->processes->end("there is no room for it");
    co_return Put{"", false, busy("all templates that there may be are in use; try again later")};
  }
  const auto known = std::make_shared<Template>(*name, std::move(setup));
  templates_[key] = {known, std::make_shared<net::steady_timer>(parts_.executor)};
  parts_.telemetry.metrics.templates().made();
  known->bytes = bytes;
  ++known->jails;
  give(known, *std::move(done.jail));
  watch(known);
  co_return Put{*name, true, std::move(done.outcome)};
}

boost::system::result<std::shared_ptr<Template>, Outcome> Templates::find(
    const JobRequest& request) const {
  const auto found = templates_.find({request.owner, request.template_name});
  if (found != templates_.end()) return found->second.known;
  return unknown_template(request.template_name);
}

std::optional<Outcome> Templates::problem_with(const JobRequest& request) const {
  if (request.template_name.empty()) return std::nullopt;
  const auto known = find(request);
  if (known) return std::nullopt;
  parts_.telemetry.metrics.templates().asked(false);
  return known.error();
}

void Templates::clamp(JobRequest& request) const {
  if (request.template_name.empty()) return;
  const auto known = find(request);
  if (!known) return;
  const JobRequest& setup = (*known)->setup;
  if (request.memory_mb <= setup.memory_mb) return;
  request.memory_mb = setup.memory_mb;
  request.job.memory_bytes = setup.job.memory_bytes;
}

std::uint64_t Templates::memory_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [key, entry] : templates_) bytes += entry.known->jails * entry.known->bytes;
  return bytes;
}

// Ends the least lately used templates that are not in use, until there is room for another one of
// `owner` with so many bytes. Returns false if there is no room.
bool Templates::make_room(const std::string& owner, std::uint64_t bytes) {
  const auto count_of = [&](const std::string& whose) {
    return static_cast<std::uint64_t>(
        std::count_if(templates_.begin(), templates_.end(),
                      [&](const auto& entry) { return entry.first.first == whose; }));
  };
  for (;;) {
    const bool is_owner_full = count_of(owner) >= limits_.templates_per_owner;
    const bool is_full = templates_.size() >= limits_.templates;
    const bool is_heavy = memory_bytes() + bytes > limits_.memory_bytes;
    if (!is_owner_full && !is_full && !is_heavy) return true;
    const Key* least = nullptr;
    Deadline used = Deadline::max();
    for (const auto& [key, entry] : templates_) {
      if (entry.known->running > 0 || (is_owner_full && key.first != owner)) continue;
      if (entry.known->last_use < used) least = &key, used = entry.known->last_use;
    }
    if (least == nullptr) return false;
    end(Key(*least), TemplateEnd::room);
  }
}

void Templates::end(const Key& key, TemplateEnd why) {
  auto entry = templates_.extract(key);
  if (entry.empty()) return;
  entry.mapped().expiry->cancel();
  entry.mapped().known->remove(std::string(words_of(why)));
  parts_.telemetry.metrics.templates().ended(why);
}

// Ends it when nobody has used it for as long as it may be idle.
void Templates::watch(const std::shared_ptr<Template>& known) {
  const auto entry = templates_.find({known->setup.owner, known->name});
  if (entry == templates_.end() || entry->second.known != known) return;
  const auto timer = entry->second.expiry;
  timer->expires_at(known->last_use + limits_.idle);
  timer->async_wait([this, key = entry->first](error_code error) {
    const auto found = error ? templates_.end() : templates_.find(key);
    if (found == templates_.end() || found->second.known->running > 0) return;
    if (Clock::now() < found->second.known->last_use + limits_.idle)
      return watch(found->second.known);
    end(key, TemplateEnd::idle);
  });
}

std::vector<std::shared_ptr<Template>> Templates::of(const std::string& owner) const {
  std::vector<std::shared_ptr<Template>> out;
  for (const auto& [key, entry] : templates_)
    if (key.first == owner) out.push_back(entry.known);
  return out;
}

bool Templates::remove(const std::string& owner, const std::string& name) {
  const Key key = {owner, name};
  if (!templates_.contains(key)) return false;
  end(key, TemplateEnd::deleted);
  return true;
}

void Templates::close() {
  is_closed_ = true;
  while (!templates_.empty()) end(Key(templates_.begin()->first), TemplateEnd::stopping);
}

TemplateCount Templates::count() const {
  TemplateCount out = {templates_.size(), 0, memory_bytes()};
  for (const auto& [key, entry] : templates_) out.jails += entry.known->jails;
  return out;
}

}  // namespace pyexec
