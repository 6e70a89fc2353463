// What each API key uses. On the server's thread.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <string_view>

#include "server/job/outcome_kind.h"

namespace pyexec {

class KeyMetrics {
 public:
  explicit KeyMetrics(prometheus::Registry& registry);

  // key: the key's name; "": the service has no keys, and nothing is counted. The first kMostKeys
  // names are told apart; the others count as "other".
  void answered(std::string_view key, OutcomeKind outcome);

 private:
  static constexpr std::size_t kMostKeys = 100;
  prometheus::Family<prometheus::Counter>* jobs_;
  std::map<std::string, std::map<OutcomeKind, prometheus::Counter*>, std::less<>> counters_;
};

}  // namespace pyexec
