#include "server/job/pending_calls.h"

#include "tests/support/catch.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

using Following = PendingCalls::Following;
constexpr CallLimits kLimits = {.call_bytes = 100, .calls = 5};

// Calls of one job, and what was sent to its worker.
struct Calls : PendingCalls {
  Calls() : PendingCalls(kLimits, {"search", "price"}) {
    send = [this](const std::string& frame) {
      sent.push_back(*decode_answer(std::string_view(frame).substr(kFrameHeaderBytes)));
    };
  }
  bool call(const std::string& name, const std::string& args = "{}") {
    ++count;
    return add({{count, name, args}}, count, Following::none);
  }
  std::vector<ToolAnswer> sent;
  std::uint64_t count = 0;
};

TEST_CASE("a job waits from its first call without an answer to its last", "[pending_calls]") {
  Calls calls;
  int turns = 0, waits = 0;
  calls.on_turn = [&] { ++turns; };
  calls.on_wait = [&] { ++waits; };
  CHECK_FALSE(calls.is_waiting());
  CHECK(calls.call("search"));
  CHECK(calls.call("price"));
  CHECK(calls.is_waiting());
  CHECK(calls.announce().size() == 2);
  CHECK_FALSE(calls.has_news());
  CHECK(waits == 1);
  calls.answer({{2, 0, "[1]"}});
  CHECK(calls.is_waiting());
  CHECK(waits == 2);  // the place that this answer asked for is free again
  calls.answer({{1, 1, "no"}});
  CHECK_FALSE(calls.is_waiting());
  CHECK(calls.sent == std::vector<ToolAnswer>{{2, 0, "[1]"}, {1, 1, "no"}});
  CHECK(waits == 2);
  CHECK(turns == 2);
}

TEST_CASE("a job has its share again before it has the last answer", "[pending_calls]") {
  Calls calls;
  std::vector<std::pair<bool, std::size_t>> told;  // whether it waits, and how many answers it had
  calls.on_share = [&](bool waits) { told.emplace_back(waits, calls.sent.size()); };
  calls.call("search");
  calls.call("price");
  calls.answer({{2, 0, "[1]"}});
  CHECK(told == std::vector<std::pair<bool, std::size_t>>{{true, 0}});
  calls.answer({{1, 0, "[1]"}, {1, 0, "[2]"}});
  CHECK(told == std::vector<std::pair<bool, std::size_t>>{{true, 0}, {false, 1}});
  CHECK(calls.sent.size() == 2);
  calls.call("search");
  calls.close();
  CHECK(told.back() == std::pair<bool, std::size_t>{false, 2});
}

TEST_CASE("a call of what is no tool is answered at once", "[pending_calls]") {
  Calls calls;
  CHECK(calls.call("other"));
  CHECK_FALSE(calls.is_waiting());
  CHECK_FALSE(calls.has_news());
  REQUIRE(calls.sent.size() == 1);
  CHECK(calls.sent[0] == ToolAnswer{1, 1, "this request names no such tool"});
}

TEST_CASE("calls beyond the limits are refused", "[pending_calls]") {
  Calls calls;
  for (int i = 0; i < 5; ++i) CHECK(calls.call("search"));
  CHECK_FALSE(calls.call("search"));
  Calls large;
  CHECK(large.call("search", "{" + std::string(198, ' ') + "}"));
  CHECK_FALSE(large.call("search", "[]"));
}

TEST_CASE("a number that does not follow the last is refused", "[pending_calls]") {
  Calls calls;
  CHECK_FALSE(calls.add({{2, "search", "{}"}}, 2, Following::none));
  CHECK(calls.call("search"));
  CHECK_FALSE(calls.add({{1, "search", "{}"}}, 1, Following::none));
}

TEST_CASE("after its end a job waits for nothing", "[pending_calls]") {
  Calls calls;
  CHECK(calls.call("search"));
  calls.close();
  CHECK_FALSE(calls.is_waiting());
  calls.answer({{1, 0, "1"}});
  CHECK(calls.sent.empty());
  CHECK(calls.call("search"));
  CHECK_FALSE(calls.has_news());
}

TEST_CASE("whoever answers hears of the end", "[pending_calls]") {
  Calls calls;
  int ends = 0;
  CHECK(calls.call("search"));
  {
    const PendingCalls::Answering answering(calls, [&] { ++ends; });
    CHECK_FALSE(calls.is_closed());
    CHECK(calls.patience() > Clock::now() + std::chrono::hours(1));
    calls.close();
  }
  CHECK(calls.is_closed());
  calls.close();
  CHECK(ends == 1);
}

TEST_CASE("a job has patience for an answer, and for all of them", "[pending_calls]") {
  using std::chrono::seconds;
  PendingCalls calls(
      {.call_bytes = 100, .calls = 5, .wait = seconds(10), .wait_in_all = seconds(11)}, {"search"});
  const Deadline begun = Clock::now();
  CHECK(calls.add({{1, "search", "{}"}}, 1, Following::none));
  CHECK(calls.patience() >= begun + seconds(11));  // not 12, which the answer alone would have
  CHECK(calls.patience() <= Clock::now() + seconds(11));
}

TEST_CASE("arguments are checked as JSON and written anew", "[pending_calls]") {
  const auto validated = [](const std::string& args) {
    return validate_calls(Untrusted(ToolCalls{4, 0, {{"f\xff", args}}}), 3);
  };
  const auto calls = validated(R"({"a":1})");
  REQUIRE(calls.size() == 1);
  CHECK(calls.front().number == 4);
  CHECK(calls.front().name == "f\xef\xbf\xbd");
  CHECK(calls.front().args_json == R"({"a": 1})");
  CHECK(calls.front().problem.empty());
  CHECK(validated("[[[1]]]").front().problem.empty());
  for (const char* args : {"", "1", "null", R"("{}")", "{", "[[[[1]]]]", "[NaN]", "[\"\xff\"]"})
    CHECK_FALSE(validated(args).front().problem.empty());
}

TEST_CASE("a call whose arguments are none is answered at once", "[pending_calls]") {
  Calls calls;
  CHECK(calls.add({{1, "search", "", "no arguments"}, {2, "search", "[]"}}, 1, Following::none));
  CHECK(calls.sent == std::vector<ToolAnswer>{{1, 1, "no arguments"}});
  CHECK(calls.announce().size() == 1);
}

}  // namespace
}  // namespace pyexec
