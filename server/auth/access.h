// API keys and rate limits: whether, and how often, a client may request jobs. On the server's
// thread.
#pragma once

#include <boost/system/result.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/auth/api_keys.h"
#include "server/auth/rate_limit.h"
#include "server/base/asio.h"
#include "server/base/cancellation.h"
#include "server/base/event.h"

namespace pyexec {

// The client that a request is from, and its limits.
struct Principal {
  std::string subject;  // "key NAME", or "address ..."
  std::string key;      // the key's name, or empty
  std::optional<Rate> rate;
  std::optional<std::uint64_t> running_jobs;
  KeyLimits limits = {};
};

struct AccessSettings {
  std::string keys_file;             // path; `reload` reads it again
  std::optional<Rate> address_rate;  // per address, if there are no keys; nullopt: no limit
};

class Access {
 public:
  // keys: nullopt if no key is required.
  Access(AccessSettings settings, std::optional<ApiKeys> keys);

  bool has_keys() const { return keys_.has_value(); }
  // Reads the key file again. On failure, returns an error message and keeps the current keys.
  std::optional<std::string> reload();

  // Returns the client's principal. Returns nullopt if keys are required and this is not one.
  // authorization: the value of that header; may be empty.
  std::optional<Principal> identify(std::string_view authorization,
                                    const net::ip::address& client) const;

  // A place among the subject's concurrent jobs. Released by the destructor.
  class Running {
   public:
    Running() = default;
    Running(Access& access, const std::string& subject);
    Running(Running&& other) noexcept
        : access_(std::exchange(other.access_, nullptr)), subject_(std::move(other.subject_)) {}
    Running& operator=(Running&&) = delete;
    ~Running();

   private:
    Access* access_ = nullptr;
    std::string subject_;
  };
  // For a single request, without waiting. take_token returns the verdict of the rate limit, or
  // nullopt if there is none. try_run returns nullopt if too many jobs run.
  std::optional<Verdict> take_token(const Principal& principal);
  std::optional<Running> try_run(const Principal& principal);
  // For a job of a batch: waits for the token or the place. Returns early, without it, if
  // cancelled.
  awaitable<void> await_token(const Principal& principal, Cancellation& cancellation);
  awaitable<Running> await_place(const Principal& principal, Cancellation& cancellation);

 private:
  const AccessSettings settings_;
  std::optional<ApiKeys> keys_;
  RateLimiter limiter_;
  struct Places {
    std::uint64_t running = 0;
    std::set<Event*> waiting;
  };
  void forget_unused(const std::string& subject);

  std::map<std::string, Places> places_;  // only subjects with a limit and a place in use
};

}  // namespace pyexec
