// Runs in the zygote.
#include "worker/zygote/kept_jails.h"

#include <algorithm>
#include <utility>

#include "worker/zygote/forker.h"

namespace pyexec {

void KeptJails::add(sandbox::EmptyJail& jail) {
  if (!jail.control) return;
  jails_.push_back({{}, jail.worker_id});
  jails_.back().jail.begin(jail, plan_);
}

void KeptJails::tell(const Entry& entry, sandbox::Verdict why) {
  told_ = told_ && tell_server(JailLost{entry.worker_id, why});
}

template <typename Test>
void KeptJails::drop_if(Test is_too_old) {
  std::erase_if(jails_, [&](const Entry& entry) {
    if (!entry.is_free || !is_too_old(entry)) return false;
    tell(entry, sandbox::Verdict::age);
    return true;
  });
}

bool KeptJails::renew(std::uint32_t worker_id, sandbox::EmptyJail& out) {
  drop_if([&](const Entry& entry) { return !entry.jail.suits(worker_id, plan_); });
  const auto free = std::find_if(jails_.begin(), jails_.end(), [&](const Entry& entry) {
    return entry.is_free && closed_files_.have_reached(entry.clean_at);
  });
  if (free == jails_.end()) return false;
  if (free->jail.renew(worker_id, out).failed()) {
    tell(*free, sandbox::Verdict::lost);
    jails_.erase(free);
    out = {};
    return false;
  }
  free->worker_id = worker_id;
  free->is_free = false;
  // The one that has waited for longest is next.
  std::rotate(free, free + 1, jails_.end());
  return true;
}

void KeptJails::add_sources(std::vector<pollfd>& sources) const {
  for (const Entry& entry : jails_) sources.push_back({entry.jail.control(), POLLIN, 0});
}

bool KeptJails::hear(std::span<const pollfd> sources) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].revents == 0) continue;
    Entry& entry = jails_[i];
    const sandbox::Verdict verdict = entry.jail.hear();
    entry.is_free = true;
    if (verdict != sandbox::Verdict::untouched)
      tell(entry, verdict);
    else if (entry.jail.has_own_files())
      entry.clean_at = closed_files_.await();
  }
  std::erase_if(jails_, [](const Entry& entry) { return entry.jail.control() == -1; });
  return told_;
}

bool KeptJails::drop_old() {
  drop_if([](const Entry& entry) { return entry.jail.is_old(); });
  return told_;
}

int KeptJails::ms_left() const {
  int least = -1;
  for (const Entry& entry : jails_) {
    if (!entry.is_free) continue;
    const int left = entry.jail.ms_left();
    if (least == -1 || left < least) least = left;
  }
  return least;
}

}  // namespace pyexec
