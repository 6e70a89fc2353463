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
    return Principal{"key " + key->name, key->name, key->rate, key->running_jobs};
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
  ++access.running_[subject];
}

Access::Running::~Running() {
  if (access_ == nullptr) return;
  const auto entry = access_->running_.find(subject_);
  if (--entry->second == 0) access_->running_.erase(entry);
}

std::optional<Access::Running> Access::try_run(const Principal& principal) {
  if (!principal.running_jobs) return Running();
  const auto entry = running_.find(principal.subject);
  if (entry != running_.end() && entry->second >= *principal.running_jobs) return std::nullopt;
  return Running(*this, principal.subject);
}

awaitable<void> Access::await_token(const Principal& principal, const Cancellation& cancellation) {
  if (!principal.rate) co_return;
  // A token's time: whoever else waits for one may have taken it by then.
  const auto pause =
      std::clamp(std::chrono::duration<double>(1 / principal.rate->per_second),
                 std::chrono::duration<double>(0.02), std::chrono::duration<double>(1));
  net::steady_timer timer(co_await net::this_coro::executor);
  while (!cancellation.requested() && !take_token(principal)->allowed) {
    timer.expires_after(std::chrono::duration_cast<Clock::duration>(pause));
    co_await timer.async_wait(kAsTuple);
  }
}

awaitable<Access::Running> Access::await_place(const Principal& principal,
                                               const Cancellation& cancellation) {
  constexpr std::chrono::milliseconds kPause{20};
  net::steady_timer timer(co_await net::this_coro::executor);
  for (;;) {
    if (auto place = try_run(principal)) co_return *std::move(place);
    if (cancellation.requested()) co_return Running();
    timer.expires_after(kPause);
    co_await timer.async_wait(kAsTuple);
  }
}

}  // namespace pyexec
