// Who may ask for jobs, and how often: API keys and rate limits. On the server's thread.
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

// Who a request is from, and what they may.
struct Principal {
  std::string subject;  // "key NAME", or "address ..."
  std::string key;      // its name, or empty
  std::optional<Rate> rate;
  std::optional<std::uint64_t> running_jobs;
};

struct AccessSettings {
  std::string keys_file;             // path; read again on request
  std::optional<Rate> address_rate;  // of addresses, where there are no keys; nullopt: no limit
};

class Access {
 public:
  // keys: nullopt where everybody may ask.
  Access(AccessSettings settings, std::optional<ApiKeys> keys);

  bool has_keys() const { return keys_.has_value(); }
  // Reads the file of keys again. The text says what is wrong; the keys then stay as they were.
  std::optional<std::string> reload();

  // Nothing for one without a key, where keys are wanted.
  // authorization: the value of that header; may be empty.
  std::optional<Principal> identify(std::string_view authorization,
                                    const net::ip::address& client) const;

  // A place among the jobs of this subject that run at the same time; given back at its end.
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
  // For a request: the verdict of its rate limit, if it has one, and whether it may run.
  std::optional<Verdict> take_token(const Principal& principal);
  std::optional<Running> try_run(const Principal& principal);
  // For one of many: waits for them. Ends early, without, once cancelled.
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

  std::map<std::string, Places> places_;  // only of subjects with a limit, of which some are used
};

}  // namespace pyexec
