#include "server/auth/access.h"

#include <algorithm>

#include "server/config/config.h"
#include "server/http/client_subject.h"

namespace pyexec {

Access::Access(const Config& config, std::optional<ApiKeys> keys)
    : config_(config), keys_(std::move(keys)) {}

std::optional<std::string> Access::reload() {
  if (config_.keys_file.empty()) return "there is no file of API keys to read again";
  auto keys = read_key_file(config_.keys_file);
  if (!keys) return keys.error().message;
  keys_ = *std::move(keys);
  return std::nullopt;
}

std::optional<Grant> Access::identify(std::string_view authorization,
                                      const net::ip::address& client) const {
  if (keys_) {
    const auto token = bearer_token(authorization);
    const ApiKey* key = token ? keys_->find(*token) : nullptr;
    if (key == nullptr) return std::nullopt;
    return Grant{"key " + key->name, key->name, key->rate, key->running_jobs};
  }
  Grant grant = {"address " + client_subject(client), "", std::nullopt, std::nullopt};
  if (config_.rate_per_minute > 0)
    grant.rate = Rate{static_cast<double>(config_.rate_per_minute) / 60, config_.rate_burst};
  return grant;
}

std::optional<Verdict> Access::take_token(const Grant& grant) {
  if (!grant.rate) return std::nullopt;
  return limiter_.take(grant.subject, *grant.rate, Clock::now());
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

std::optional<Access::Running> Access::try_run(const Grant& grant) {
  if (!grant.running_jobs) return Running();
  const auto entry = running_.find(grant.subject);
  if (entry != running_.end() && entry->second >= *grant.running_jobs) return std::nullopt;
  return Running(*this, grant.subject);
}

awaitable<void> Access::await_token(const Grant& grant, const Cancellation& cancellation) {
  if (!grant.rate) co_return;
  // A token's time: whoever else waits for one may have taken it by then.
  const auto pause =
      std::clamp(std::chrono::duration<double>(1 / grant.rate->per_second),
                 std::chrono::duration<double>(0.02), std::chrono::duration<double>(1));
  net::steady_timer timer(co_await net::this_coro::executor);
  while (!cancellation.requested() && !take_token(grant)->allowed) {
    timer.expires_after(std::chrono::duration_cast<Clock::duration>(pause));
    co_await timer.async_wait(kAsTuple);
  }
}

awaitable<Access::Running> Access::await_place(const Grant& grant,
                                               const Cancellation& cancellation) {
  constexpr std::chrono::milliseconds kPause{20};
  net::steady_timer timer(co_await net::this_coro::executor);
  for (;;) {
    if (auto place = try_run(grant)) co_return *std::move(place);
    if (cancellation.requested()) co_return Running();
    timer.expires_after(kPause);
    co_await timer.async_wait(kAsTuple);
  }
}

}  // namespace pyexec
