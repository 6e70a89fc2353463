// Runs in the launcher and in the holder; `is_alone_under_its_uid` also in children of
// supervisors.
#include "sandbox/layers/uid_range.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "sandbox/base/sys.h"
#include "sandbox/layers/privileges.h"

namespace pyexec::sandbox {
namespace {

// systemd's "Users, Groups, UIDs and GIDs" document leaves 0x70000000 to 0x7fffffff unassigned.
constexpr uid_t kPreferredUid = 0x70000000;
constexpr std::uint32_t kRangeUids = 65538;
constexpr std::uint32_t kMostRanges = 256;  // the most that are tried

// The available ranges: `count` uids from `first` on, in ranges of `range_uids`.
struct Space {
  uid_t first;
  std::uint32_t count, range_uids;

  std::uint32_t ranges() const { return std::min(count / range_uids, kMostRanges); }
};

// A container may have fewer ids than the host. Then uses the upper half of its largest range, in
// parts.
Space own_space() {
  constexpr Space kPreferred = {kPreferredUid, kMostRanges * kRangeUids, kRangeUids};
  constexpr std::uint32_t kParts = 4, kFewIds = 16;
  std::FILE* map = std::fopen("/proc/self/uid_map", "re");
  if (map == nullptr) return kPreferred;
  unsigned inside, outside, count, best_first = 0, best_count = 0;
  bool has_preferred = false;
  while (std::fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
    has_preferred |= inside <= kPreferredUid && kPreferredUid - inside <= count &&
                     count - (kPreferredUid - inside) >= kPreferred.count;
    if (count > best_count) best_first = inside, best_count = count;
  }
  std::fclose(map);
  if (has_preferred || best_count < kFewIds) return kPreferred;
  const std::uint32_t half = best_count / 2;
  const std::uint32_t range = std::min(kRangeUids, half / kParts >= 1024 ? half / kParts : half);
  return {best_first + best_count - half, half, range};
}

[[noreturn]] void hold_until_closed(int life, uid_t uid) {
  ::prctl(PR_SET_NAME, "pyexec-uids", 0, 0, 0);
  SetupError result = drop_bounding_set(Step::uid_range);
  if (!result.failed()) result = become(uid, Step::uid_range);
  if (!result.failed()) result = keep_capabilities(0, Step::uid_range);
  if (!result.failed()) result = forbid_tracing();
  if (!result.failed()) result = die_with_parent(Step::uid_range);
  if (!result.failed() && !is_alone_under_its_uid()) result = fail(Step::uid_range, EUSERS);
  if (::dup2(life, 0) == -1 || sys::close_range(1, ~0u) == -1) ::_exit(1);
  if (!sys::send_all(0, &result, sizeof result) || result.failed()) ::_exit(1);
  char ignored;
  sys::read_all(0, &ignored, 1);
  ::_exit(0);
}

}  // namespace

bool is_alone_under_its_uid() {
  const rlimit two = {2, 2};
  if (::setrlimit(RLIMIT_NPROC, &two) == -1) return false;
  return sys::run_in_light_child<16 << 10>([] { return 0; }) == 0;
}

SetupError verify_unused(uid_t uid, Step step) {
  constexpr int kCannotBecome = 1, kIsUsed = 2;
  const int status = sys::run_in_light_child<48 << 10>([&] {
    if (become(uid, step).failed() || forbid_tracing().failed()) return kCannotBecome;
    return is_alone_under_its_uid() ? 0 : kIsUsed;
  });
  if (status == -1) return fail(step, errno, 40);
  if (!WIFEXITED(status)) return fail(step, ECHILD, 41);
  if (WEXITSTATUS(status) == 0) return ok();
  return fail(step, WEXITSTATUS(status) == kIsUsed ? EUSERS : EPERM, 42);
}

SetupError UidRange::hold(uid_t first) {
  int pair[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), Step::uid_range, 1));
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid == -1) return fail(Step::uid_range, errno, 2);
  if (pid == 0) {
    ours.reset();
    hold_until_closed(theirs.get(), first);
  }
  theirs.reset();
  SetupError result = fail(Step::uid_range, EPIPE, 3);
  if (!sys::read_all(ours.get(), &result, sizeof result)) result = fail(Step::uid_range, EPIPE, 3);
  if (result.failed()) {
    sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
    return result;
  }
  holder_ = pid;
  life_ = std::move(ours);
  return ok();
}

SetupError UidRange::claim() {
  const Space space = own_space();
  first_ = space.first;
  count_ = space.range_uids;
  sys::Capabilities has;
  PYEXEC_TRY(check(sys::get_capabilities(&has), Step::uid_range, 4));
  constexpr std::uint64_t kToChangeIds = 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP;
  if ((has.effective & kToChangeIds) != kToChangeIds) return ok();
  SetupError result = fail(Step::uid_range, EUSERS);
  for (std::uint32_t i = 0; i < space.ranges(); ++i) {
    first_ = space.first + i * space.range_uids;
    result = hold(first_);
    if (!result.failed() || result.error != EUSERS) return result;
  }
  return result;
}

void UidRange::give_to(Plan& plan) const {
  plan.first_uid = first_;
  plan.uid_count = count_;
}

void UidRange::release() {
  life_.reset();
  holder_ = -1;
}

}  // namespace pyexec::sandbox
