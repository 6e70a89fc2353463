#include "server/auth/access.h"

#include <algorithm>

#include "server/http/client_subject.h"

namespace pyexec {

Access::Access(AccessSettings settings, std::optional<ApiKeys> keys)
    : settings_(std::move(settings)), keys_(std::move(keys)) {}

std::optional<std::string> Access::reload() {
  if (settings_.keys_file.empty()) return "there is no file of API keys to read again";
  auto keys = read_key_file(settings_.keys_file);
  if (!keys) return keys.error().message;
  keys_ = *std::move(keys);
  return std::nullopt;
}

std::optional<Principal> Access::identify(std::string_view authorization,
                                          const net::ip::address& client) const {
  if (keys_) {
    const auto token = bearer_token(authorization);
    const ApiKey* key = token ? keys_->find(*token) : nullptr;
    if (key == nullptr) return std::nullopt;
    return Principal{"key " + key->name, key->name, key->rate, key->running_jobs, key->limits};
  }
  Principal principal = {"address " + client_subject(client), "", std::nullopt, std::nullopt};
  principal.rate = settings_.address_rate;
  return principal;
}

std::optional<Verdict> Access::take_token(const Principal& principal) {
  if (!principal.rate) return std::nullopt;
  return limiter_.take(principal.subject, *principal.rate, Clock::now());
}

Access::Running::Running(Access& access, const std::string& subject)
    : access_(&access), subject_(subject) {
  ++access.places_[subject].running;
}

Access::Running::~Running() {
  if (access_ == nullptr) return;
  Places& places = access_->places_[subject_];
  --places.running;
  for (Event* waiting : places.waiting) waiting->set();
  access_->forget_unused(subject_);
}

void Access::forget_unused(const std::string& subject) {
  const auto entry = places_.find(subject);
  if (entry->second.running == 0 && entry->second.waiting.empty()) places_.erase(entry);
}

std::optional<Access::Running> Access::try_run(const Principal& principal) {
  if (!principal.running_jobs) return Running();
  const auto entry = places_.find(principal.subject);
  if (entry != places_.end() && entry->second.running >= *principal.running_jobs)
    return std::nullopt;
  return Running(*this, principal.subject);
}

awaitable<void> Access::await_token(const Principal& principal, Cancellation& cancellation) {
  if (!principal.rate) co_return;
  // The time one token takes to come. Another waiter may have taken it by then.
  const auto pause =
      std::clamp(std::chrono::duration<double>(1 / principal.rate->per_second),
                 std::chrono::duration<double>(0.02), std::chrono::duration<double>(1));
  Event cancelled(co_await net::this_coro::executor);
  const auto listening = cancellation.listen([&] { cancelled.set(); });
  while (!cancellation.requested() && !take_token(principal)->allowed)
    co_await cancelled.wait_until(Clock::now() +
                                  std::chrono::duration_cast<Clock::duration>(pause));
}

awaitable<Access::Running> Access::await_place(const Principal& principal,
                                               Cancellation& cancellation) {
  const auto executor = co_await net::this_coro::executor;
  for (;;) {
    if (auto place = try_run(principal)) co_return *std::move(place);
    if (cancellation.requested()) co_return Running();
    Event turn(executor);
    const auto listening = cancellation.listen([&] { turn.set(); });
    places_[principal.subject].waiting.insert(&turn);
    co_await turn.wait();
    places_[principal.subject].waiting.erase(&turn);
    forget_unused(principal.subject);
  }
}

}  // namespace pyexec
