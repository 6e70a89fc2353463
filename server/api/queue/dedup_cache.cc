#include "server/api/queue/dedup_cache.h"

namespace pyexec {

std::optional<DedupCache::Name> DedupCache::name_of(const QueueMessage& message,
                                                    std::string_view job, std::string_view key) {
  // Lengths keep two different messages from having the same text.
  std::string text = std::to_string(static_cast<int>(message.source));
  for (const std::string_view part :
       {std::string_view(message.queue), std::string_view(message.id), key, job}) {
    text += ' ' + std::to_string(part.size()) + ':';
    text += part;
  }
  return sha256(text);
}

void DedupCache::Turn::end(OutcomeKind outcome, Deadline now) {
  dedup_cache_->ends_[name_] = outcome;
  dedup_cache_->order_.push_back({name_, now});
  dedup_cache_ = nullptr;
}

std::variant<DedupCache::Turn, OutcomeKind, DedupCache::InWork> DedupCache::begin(const Name& name,
                                                                                  Deadline now) {
  forget_old(now);
  const auto [entry, is_new] = ends_.try_emplace(name, std::nullopt);
  if (is_new) return Turn(*this, name);
  if (entry->second) return *entry->second;
  return InWork{};
}

void DedupCache::forget_old(Deadline now) {
  while (!order_.empty() && (order_.size() > kMost || order_.front().at + window_ <= now)) {
    ends_.erase(order_.front().name);
    order_.pop_front();
  }
}

}  // namespace pyexec
