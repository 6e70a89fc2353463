#include "server/api/queue/deliveries.h"

namespace pyexec {

std::optional<Deliveries::Name> Deliveries::name_of(const QueueMessage& message,
                                                    std::string_view job, std::string_view key) {
  // Lengths keep two different messages from reading the same.
  std::string text = std::to_string(static_cast<int>(message.source));
  for (const std::string_view part :
       {std::string_view(message.queue), std::string_view(message.id), key, job}) {
    text += ' ' + std::to_string(part.size()) + ':';
    text += part;
  }
  return sha256(text);
}

void Deliveries::Turn::end(OutcomeKind outcome, Deadline now) {
  deliveries_->ends_[name_] = outcome;
  deliveries_->order_.push_back({name_, now});
  deliveries_ = nullptr;
}

std::variant<Deliveries::Turn, OutcomeKind, Deliveries::InWork> Deliveries::begin(const Name& name,
                                                                                  Deadline now) {
  forget_old(now);
  const auto [entry, is_new] = ends_.try_emplace(name, std::nullopt);
  if (is_new) return Turn(*this, name);
  if (entry->second) return *entry->second;
  return InWork{};
}

void Deliveries::forget_old(Deadline now) {
  while (!order_.empty() && (order_.size() > kMost || order_.front().at + window_ <= now)) {
    ends_.erase(order_.front().name);
    order_.pop_front();
  }
}

}  // namespace pyexec
