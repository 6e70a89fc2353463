#include "server/json/json_items.h"

#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using Form = JsonItems::Form;
using What = JsonItems::Item::What;
using Texts = std::vector<std::string>;

constexpr std::uint64_t kMostBytes = 20;

// Each item's text, with a mark before what is not one; the body pushed `step` bytes at a time.
Texts items_of(Form form, std::string_view body, std::size_t step) {
  JsonItems items(form, kMostBytes);
  Texts out;
  const auto take = [&] {
    while (const auto item = items.next())
      out.push_back(item->what == What::item        ? item->text
                    : item->what == What::too_large ? "LARGE"
                                                    : "BROKEN " + item->text);
  };
  for (; !body.empty(); body.remove_prefix(std::min(step, body.size()))) {
    items.push(body.substr(0, step));
    take();
  }
  items.end();
  take();
  return out;
}

void check(Form form, std::string_view body, const Texts& expected) {
  for (const std::size_t step : {1, 2, 3, 7, 1000}) {
    INFO("in steps of " << step << ": " << body);
    CHECK(items_of(form, body, step) == expected);
  }
}

TEST_CASE("lines are items, blank ones are not", "[json_items]") {
  check(Form::lines, "", {});
  check(Form::lines, "\n \n\r\n", {});
  check(Form::lines, "{}", {"{}"});
  check(Form::lines, "{}\n", {"{}"});
  check(Form::lines, "\n{\"a\": 1}\n\n[2]\r\n x \n", {"{\"a\": 1}", "[2]\r", " x "});
}

TEST_CASE("a line beyond the limit is passed over, and it alone", "[json_items]") {
  const std::string most(kMostBytes, 'x');
  check(Form::lines, "a\n" + most + "\nb", {"a", most, "b"});
  check(Form::lines, "a\n" + most + "y\nb", {"a", "LARGE", "b"});
  check(Form::lines, "a\n" + most + most + most + "\nb\n", {"a", "LARGE", "b"});
  check(Form::lines, most + most, {"LARGE"});
}

TEST_CASE("a blank line beyond the limit is no item either", "[json_items]") {
  const std::string spaces(3 * kMostBytes, ' ');
  check(Form::lines, "a\n" + spaces + "\nb", {"a", "b"});
  check(Form::lines, "a\n" + spaces, {"a"});
  check(Form::lines, spaces + "x\nb", {"LARGE", "b"});
  check(Form::lines, "x" + spaces + "\nb", {"LARGE", "b"});
}

TEST_CASE("the elements of an array are items", "[json_items]") {
  check(Form::array, "[]", {});
  check(Form::array, " [ \n] ", {});
  check(Form::array, "[{}]", {"{}"});
  check(Form::array, "[{\"a\": [1, 2]}, 3,[4,5] ]", {"{\"a\": [1, 2]}", "3", "[4,5] "});
  check(Form::array, R"(["a,b", "]", "\"],", "\\"])",
        {R"("a,b")", R"("]")", R"("\"],")", R"("\\")"});
}

TEST_CASE("an element beyond the limit is passed over, and it alone", "[json_items]") {
  const std::string most(kMostBytes - 2, 'x');
  check(Form::array, "[1, \"" + most + "\", 2]", {"1", "\"" + most + "\"", "2"});
  check(Form::array, "[1, \"" + most + "y\", 2]", {"1", "LARGE", "2"});
  check(Form::array, "[1, [\"" + most + most + "],\"], 2]", {"1", "LARGE", "2"});
}

TEST_CASE("what is no array is told once, after the elements before it", "[json_items]") {
  const std::string end = "BROKEN the body ends before its JSON array does";
  check(Form::array, "", {end});
  check(Form::array, "[", {end});
  check(Form::array, "[1", {end});
  check(Form::array, "[1,", {"1", end});
  check(Form::array, "[1, \"]", {"1", end});
  check(Form::array, "{}",
        {"BROKEN the body must be a JSON array, or lines of JSON as application/x-ndjson"});
  check(Form::array, "[1] 2", {"1", "BROKEN something follows the JSON array"});
}

TEST_CASE("a byte order mark behind spaces is no beginning of an array", "[json_items]") {
  check(Form::array, "\xef\xbb\xbf [1]", {"1"});
  check(Form::array, "  \xef\xbb\xbf[1]",
        {"BROKEN the body must be a JSON array, or lines of JSON as application/x-ndjson"});
}

TEST_CASE("an empty element is an item: who reads it says what is wrong", "[json_items]") {
  check(Form::array, "[1,,2]", {"1", "", "2"});
  check(Form::array, "[,]", {"", ""});
}

}  // namespace
}  // namespace pyexec
