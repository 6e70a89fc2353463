#include "server/json/json_members.h"

#include "server/json/untrusted_json.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

TEST_CASE("members are what they were, whatever they hold", "[json_members]") {
  const std::string text = *reserialise(
      R"({"a": 123456789012345678901234567890, "b\"\u00e9": "}],{\\\"", "c": {"d": [1, {"e": "]"}]},
          "f": [], "g": null, "h": -1.50e3})",
      10);
  const auto members = JsonMembers::of(text);
  REQUIRE(members);
  CHECK(members->all().size() == 6);
  CHECK((*members)["a"] == "123456789012345678901234567890");
  CHECK(members->text("b\"\xc3\xa9") == "}],{\\\"");
  CHECK(members->object("c")["d"] == R"([1, {"e": "]"}])");
  CHECK((*members)["f"] == "[]");
  CHECK((*members)["g"] == "null");
  CHECK((*members)["h"] == "-1.50e3");
}

TEST_CASE("an object with too many members is none", "[json_members]") {
  std::string text = "{";
  for (std::size_t i = 0; i < JsonMembers::kMost; ++i) text += "\"\": 1, ";
  const std::string most = text.substr(0, text.size() - 2) + "}";
  CHECK(JsonMembers::of(most)->all().size() == JsonMembers::kMost);
  CHECK_FALSE(JsonMembers::of(text + "\"\": 1}"));
}

TEST_CASE("what is not there is empty", "[json_members]") {
  const auto members = JsonMembers::of(R"({"a": 1})");
  CHECK_FALSE(members->has("b"));
  CHECK_FALSE(members->text("a"));
  CHECK(members->object("a").all().empty());
  CHECK(JsonMembers::of("{}")->all().empty());
  for (const char* text : {"[]", "1", "null", "\"{}\"", ""}) CHECK_FALSE(JsonMembers::of(text));
}

TEST_CASE("of two members with one name the last counts", "[json_members]") {
  CHECK((*JsonMembers::of(R"({"a": 1, "a": 2})"))["a"] == "2");
}

TEST_CASE("items of a list are what they were", "[json_members]") {
  const std::string text = *reserialise(R"([1, "a],", {"b": [2, 3]}, [], null])", 10);
  CHECK(items_of_json(text) ==
        std::vector<std::string_view>{"1", R"("a],")", R"({"b": [2, 3]})", "[]", "null"});
  CHECK(items_of_json("[]").empty());
  CHECK(items_of_json("{}").empty());
}

TEST_CASE("a string may hold anything", "[json_members]") {
  CHECK(text_of_json(R"("a\u0000b\n")") == std::string("a\0b\n", 4));
  CHECK_FALSE(text_of_json("1"));
}

}  // namespace
}  // namespace pyexec
