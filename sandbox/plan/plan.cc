#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {
namespace {

constexpr Candidate kCandidates[] = {
    {"six namespaces, made as host root, and files of its own",
     {.level = 3,
      .builder = Builder::setns,
      .users = Users::two_mapped,
      .root = Root::image,
      .outer_userns = OuterUserns::none,
      .files = Files::own}},
    {"six namespaces, made as host root",
     {.level = 3,
      .builder = Builder::setns,
      .users = Users::two_mapped,
      .root = Root::image,
      .outer_userns = OuterUserns::none}},
    {"six namespaces, inside a user namespace with many ids",
     {.level = 3,
      .builder = Builder::setns,
      .users = Users::two_mapped,
      .root = Root::image,
      .outer_userns = OuterUserns::many_ids}},
    {"six namespaces, inside a user namespace with one id",
     {.level = 3,
      .builder = Builder::setns,
      .users = Users::one_mapped,
      .root = Root::image,
      .outer_userns = OuterUserns::one_id}},
    {"six namespaces, made by the worker's forefathers",
     {.level = 3,
      .builder = Builder::unshare,
      .users = Users::one_mapped,
      .root = Root::image,
      .outer_userns = OuterUserns::none}},
    {"namespaces without mounts, and a prepared root",
     {.level = 2,
      .builder = Builder::unshare,
      .users = Users::one_mapped,
      .root = Root::chroot,
      .outer_userns = OuterUserns::none}},
    {"a uid for each job, and Landlock",
     {.level = 2,
      .builder = Builder::supervised,
      .users = Users::own_host,
      .root = Root::landlock,
      .outer_userns = OuterUserns::none}},
    {"a uid for each job, and a prepared root",
     {.level = 2,
      .builder = Builder::supervised,
      .users = Users::own_host,
      .root = Root::chroot,
      .outer_userns = OuterUserns::none}},
    {"Landlock",
     {.level = 1,
      .builder = Builder::supervised,
      .users = Users::shared,
      .root = Root::landlock,
      .outer_userns = OuterUserns::none}},
    {"a system call filter alone, for one job at a time",
     {.level = 1,
      .builder = Builder::supervised,
      .users = Users::shared,
      .root = Root::open,
      .outer_userns = OuterUserns::none}},
};

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

}  // namespace pyexec::sandbox
