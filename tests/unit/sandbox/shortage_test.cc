#include "sandbox/host/shortage.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"

namespace pyexec::sandbox {
namespace {

TEST_CASE("too little of something is not the same as not allowed", "[shortage]") {
  for (const int error : {EMFILE, ENFILE, EAGAIN, ENOMEM, ENOBUFS, EUSERS})
    CHECK(is_shortage(error));
  for (const int error : {0, EPERM, EACCES, ENOSYS, EINVAL, EROFS, ENOENT, EPIPE})
    CHECK_FALSE(is_shortage(error));
}

TEST_CASE("a shortage that passes is waited for", "[shortage]") {
  Patience patience;
  int tries = 0;
  const auto act = [&] { return ++tries < 3 ? fail(Step::fork, EAGAIN) : ok(); };
  CHECK_FALSE(without_shortage(patience, act).failed());
  CHECK(tries == 3);
}

TEST_CASE("what is not allowed is not tried again", "[shortage]") {
  Patience patience;
  int tries = 0;
  const auto act = [&]() -> std::int32_t { return ++tries, EPERM; };
  CHECK(without_shortage(patience, act) == EPERM);
  CHECK(tries == 1);
}

TEST_CASE("a process without descriptors says that it is short of them", "[shortage]") {
  CHECK(shortage_now() == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit few = {20, 20};
    ::setrlimit(RLIMIT_NOFILE, &few);
    ::_exit(shortage_now());
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WEXITSTATUS(status) == EMFILE);
}

}  // namespace
}  // namespace pyexec::sandbox
