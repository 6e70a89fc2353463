#include "server/app/selftest.h"

#include "tests/support/catch.h"

namespace pyexec {
namespace {

TEST_CASE("every attack made and refused is a pass", "[selftest]") {
  const auto verdict = judge_selftest(R"({"attacks": {"one": null, "two": null}})", 2);
  CHECK_FALSE(verdict.problem);
  CHECK(verdict.run == 2);
  CHECK(verdict.blocked == 2);
}

TEST_CASE("an attack that was left out is no pass", "[selftest]") {
  const auto fewer = judge_selftest(R"({"attacks": {"one": null, "two": null}})", 3);
  CHECK(fewer.problem == "the self-test made 2 of 3 attacks");
  const auto none = judge_selftest(R"({"attacks": {}})", 3);
  CHECK(none.problem == "the self-test made 0 of 3 attacks");
  const auto more = judge_selftest(R"({"attacks": {"one": null, "two": null}})", 1);
  CHECK(more.problem == "the self-test made 2 of 1 attacks");
}

TEST_CASE("an attack that got something is named with what it got", "[selftest]") {
  const auto verdict =
      judge_selftest(R"({"attacks": {"one": null, "two": "a shell", "three": 3}})", 3);
  CHECK(verdict.problem == "the self-test broke out: two (a shell); three");
  CHECK(verdict.run == 3);
  CHECK(verdict.blocked == 1);
}

TEST_CASE("an answer of another form is no pass", "[selftest]") {
  const std::string answers[] = {
      "", "null", "[]", "{}", R"({"attacks": []})", R"({"attacks": {)", R"({"attacks": null})"};
  for (const std::string& answer : answers) {
    INFO(answer);
    CHECK(judge_selftest(answer, 0).problem == "the self-test's answer is malformed");
  }
}

}  // namespace
}  // namespace pyexec
