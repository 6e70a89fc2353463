#include "sandbox/plan.h"

namespace pyexec::sandbox {
namespace {

constexpr Candidate kCandidates[] = {
    {"six namespaces, made as host root, and files of its own",
     {.level = 3,
      .builder = Builder::joined,
      .users = Users::two_mapped,
      .root = Root::image,
      .nest = Nest::none,
      .files = Files::own}},
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
