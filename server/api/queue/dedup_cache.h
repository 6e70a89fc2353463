// Remembers recently run queue messages, so that a redelivered one is not run again. Bounded in
// time and number. On the server's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "server/api/queue/queue_message.h"
#include "server/base/asio.h"
#include "server/base/sha256.h"
#include "server/job/outcome_kind.h"

namespace pyexec {

class DedupCache {
 public:
  // window: how long an outcome is kept.
  explicit DedupCache(std::chrono::seconds window) : window_(window) {}

  // Identifies a message, the job in it and the API key it came with. A sender with another job
  // under the same message name, or with another key, cannot keep that message from being run.
  using Name = Sha256;
  static std::optional<Name> name_of(const QueueMessage& message, std::string_view job,
                                     std::string_view key);

  // A delivery in progress. Forgotten by the destructor unless it has ended.
  class Turn {
   public:
    Turn(DedupCache& dedup_cache, const Name& name) : dedup_cache_(&dedup_cache), name_(name) {}
    Turn(Turn&& other) noexcept
        : dedup_cache_(std::exchange(other.dedup_cache_, nullptr)), name_(other.name_) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (dedup_cache_ != nullptr) dedup_cache_->ends_.erase(name_);
    }
    void end(OutcomeKind outcome, Deadline now);

   private:
    DedupCache* dedup_cache_;
    Name name_;
  };

  struct InWork {};
  // Returns a Turn for the first delivery; for others, the outcome or that it is in progress.
  std::variant<Turn, OutcomeKind, InWork> begin(const Name& name, Deadline now);

 private:
  struct Ended {
    Name name;
    Deadline at;
  };
  void forget_old(Deadline now);

  static constexpr std::size_t kMost = 100'000;  // about 15 MB

  std::chrono::seconds window_;
  std::map<Name, std::optional<OutcomeKind>> ends_;  // nullopt: in progress
  std::deque<Ended> order_;                          // that have ended
};

}  // namespace pyexec
