#include "sandbox/plan.h"

#include <algorithm>
#include <cstdio>

namespace pyexec::sandbox {
namespace {

constexpr Candidate kCandidates[] = {
    {"six namespaces, made as host root",
     {.level = 3,
      .builder = Builder::joined,
      .users = Users::two_mapped,
      .root = Root::image,
      .nest = Nest::none}},
    {"six namespaces, inside a user namespace with many ids",
     {.level = 3,
      .builder = Builder::joined,
      .users = Users::two_mapped,
      .root = Root::image,
      .nest = Nest::many_ids}},
    {"six namespaces, inside a user namespace with one id",
     {.level = 3,
      .builder = Builder::joined,
      .users = Users::one_mapped,
      .root = Root::image,
      .nest = Nest::one_id}},
    {"six namespaces, made by the worker's forefathers",
     {.level = 3,
      .builder = Builder::chained,
      .users = Users::one_mapped,
      .root = Root::image,
      .nest = Nest::none}},
    {"namespaces without mounts, and a prepared root",
     {.level = 2,
      .builder = Builder::chained,
      .users = Users::one_mapped,
      .root = Root::chroot,
      .nest = Nest::none}},
    {"a uid for each job, and Landlock",
     {.level = 2,
      .builder = Builder::kept,
      .users = Users::own_host,
      .root = Root::landlock,
      .nest = Nest::none}},
    {"a uid for each job, and a prepared root",
     {.level = 2,
      .builder = Builder::kept,
      .users = Users::own_host,
      .root = Root::chroot,
      .nest = Nest::none}},
    {"Landlock",
     {.level = 1,
      .builder = Builder::kept,
      .users = Users::shared,
      .root = Root::landlock,
      .nest = Nest::none}},
    {"a system call filter alone, for one job at a time",
     {.level = 1,
      .builder = Builder::kept,
      .users = Users::shared,
      .root = Root::open,
      .nest = Nest::none}},
};

// systemd's "Users, Groups, UIDs and GIDs" document leaves 0x70000000 to 0x7fffffff unassigned.
constexpr uid_t kPreferredUid = 0x70000000;
constexpr std::uint32_t kPreferredCount = 65538;

}  // namespace

std::span<const Candidate> candidates() {
  return kCandidates;
}

uid_t Plan::init_uid() const {
  return users == Users::two_mapped ? 0 : job_uid();
}

uid_t Plan::job_uid() const {
  return 1000;
}

void choose_uids(Plan& plan) {
  plan.first_uid = kPreferredUid;
  plan.uid_count = kPreferredCount;
  // A container may have fewer ids than the host: then the upper half of its largest range.
  std::FILE* map = std::fopen("/proc/self/uid_map", "re");
  if (map == nullptr) return;
  unsigned inside, outside, count, best_first = 0, best_count = 0;
  bool preferred = false;
  while (std::fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
    preferred |= inside <= kPreferredUid && kPreferredUid - inside <= count &&
                 count - (kPreferredUid - inside) >= kPreferredCount;
    if (count > best_count) best_first = inside, best_count = count;
  }
  std::fclose(map);
  if (preferred || best_count < 16) return;
  plan.uid_count = std::min(kPreferredCount, best_count / 2);
  plan.first_uid = best_first + best_count - plan.uid_count;
}

}  // namespace pyexec::sandbox
