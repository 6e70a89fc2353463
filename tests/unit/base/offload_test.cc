#include "server/base/offload.h"

#include <future>
#include <stdexcept>
#include <thread>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kLarge = Offload::kLargeBytes, kSmall = kLarge - 1;

// On a thread of an io_context, which is this one.
void on_server(awaitable<void> what) {
  net::io_context context(1);
  std::exception_ptr problem;
  net::co_spawn(context, std::move(what),
                [&](std::exception_ptr exception) { problem = exception; });
  context.run();
  if (problem) std::rethrow_exception(problem);
}

awaitable<void> others_are_served(Offload& offload, bool& is_served) {
  std::promise<void> served;
  // Large work that ends only once another handler of the same io_context has run.
  const auto wait = [&] {
    served.get_future().wait();
    return 7;
  };
  net::post(co_await net::this_coro::executor, [&] { served.set_value(); });
  const int result = co_await offload.run(kLarge, wait);
  is_served = result == 7;
}

TEST_CASE("while large work is done others are served", "[offload]") {
  Offload offload;
  offload.start(1);
  bool is_served = false;
  on_server(others_are_served(offload, is_served));
  CHECK(is_served);
}

awaitable<void> note_thread(Offload& offload, std::uint64_t bytes, std::thread::id& thread) {
  const auto note = [] { return std::this_thread::get_id(); };
  thread = co_await offload.run(bytes, note);
}

TEST_CASE("small work, and all before there are threads, is done at once", "[offload]") {
  Offload offload, none;
  offload.start(1);
  const auto own = std::this_thread::get_id();
  std::thread::id thread;
  on_server(note_thread(offload, kSmall, thread));
  CHECK(thread == own);
  on_server(note_thread(none, kLarge, thread));
  CHECK(thread == own);
  on_server(note_thread(offload, kLarge, thread));
  CHECK(thread != own);
}

awaitable<void> fail(Offload& offload) {
  const auto act = []() -> int { throw std::runtime_error("large"); };
  co_await offload.run(kLarge, act);
}

TEST_CASE("what large work throws is thrown where it was asked for", "[offload]") {
  Offload offload;
  offload.start(1);
  CHECK_THROWS_AS(on_server(fail(offload)), std::runtime_error);
}

}  // namespace
}  // namespace pyexec
