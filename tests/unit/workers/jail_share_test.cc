#include "server/workers/jail_share.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using sandbox::Share;
using sandbox::ShareFile;

// A worker without a process. What is written to its share file is kept there, one after another.
struct Worker {
  explicit Worker(ShareFile kind) {
    const auto pair = [this](std::size_t at) {
      int ends[2];
      REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
      message.fds[at].reset(ends[0]);
      others[at].reset(ends[1]);
    };
    for (const std::size_t at : {0, 1, 2, 3, 4}) pair(at);
    message.fds[5].reset(::memfd_create("share", MFD_CLOEXEC));
    file.reset(::dup(message.fds[5].get()));
    const WorkerHandle::Identity identity = {7, Preload::basic, kind};
    handle = std::make_shared<WorkerHandle>(context.get_executor(), identity, message);
  }
  // Waits for as long as a timer runs.
  void wait() {
    context.restart();
    context.run_for(std::chrono::seconds(10));
  }
  std::string written() {
    std::string text(100, '\0');
    const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(size));
    return text;
  }

  net::io_context context;
  FdMessage message;
  std::array<UniqueFd, 6> others;
  UniqueFd file;
  std::shared_ptr<WorkerHandle> handle;
};

constexpr CallLimits kLimits = {.call_bytes = 100, .calls = 5};

TEST_CASE("only changes of a share are written", "[jail_share]") {
  Worker worker(ShareFile::shares);
  worker.handle->set_share(Share::full);
  CHECK(worker.written().empty());
  worker.handle->set_share(Share::least);
  worker.handle->set_share(Share::least);
  CHECK(worker.written() == "10");
  worker.handle.reset();  // the next job in the slot has the full one
  CHECK(worker.written() == "101024");
}

TEST_CASE("the two versions of control groups count in their own units", "[jail_share]") {
  Worker worker(ShareFile::weight);
  worker.handle->set_share(Share::least);
  worker.handle->set_share(Share::full);
  CHECK(worker.written() == "1100");
}

TEST_CASE("a jail has its full share until a moment after the last use", "[jail_share]") {
  Worker worker(ShareFile::shares);
  JailShare share(worker.handle);
  {
    std::optional<JailShare::Use> one(std::in_place, share), other(std::in_place, share);
    one.reset();
    CHECK(worker.written().empty());
  }
  worker.wait();
  CHECK(worker.written() == "10");
  {
    const JailShare::Use use(share);
    CHECK(worker.written() == "101024");
  }
  const JailShare::Use next(share);  // before the moment is over
  worker.wait();
  CHECK(worker.written() == "101024");
}

TEST_CASE("a cell that waits has the least share, unless another runs", "[jail_share]") {
  Worker worker(ShareFile::shares);
  JailShare share(worker.handle);
  const auto calls = std::make_shared<PendingCalls>(kLimits, std::vector<std::string>{"f"});
  std::optional<JailShare::Use> use(std::in_place, share, calls);
  calls->add({{1, "f", "{}"}}, 1, PendingCalls::Following::none);
  CHECK(worker.written() == "10");
  {
    const JailShare::Use other(share);
    CHECK(worker.written() == "101024");
    calls->answer({{1, 0, "1"}});
    calls->add({{2, "f", "{}"}}, 2, PendingCalls::Following::none);
  }
  worker.wait();
  CHECK(worker.written() == "10102410");
  use->leave_calls();  // it is ended
  CHECK(worker.written() == "101024101024");
  use.reset();
  CHECK_FALSE(calls->on_share);
}

TEST_CASE("a jail that ends has the full share for good", "[jail_share]") {
  Worker worker(ShareFile::shares);
  {
    JailShare share(worker.handle);
    { const JailShare::Use use(share); }
    worker.wait();
    CHECK(worker.written() == "10");
    share.end();
    CHECK(worker.written() == "101024");
    const JailShare::Use use(share);
  }
  worker.wait();  // a timer's wait that has outlived it
  CHECK(worker.written() == "101024");
}

}  // namespace
}  // namespace pyexec
