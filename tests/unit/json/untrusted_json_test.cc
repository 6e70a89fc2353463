#include "server/json/untrusted_json.h"

#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

// server/config/knobs.cc: the default bound on a result's depth, and the largest one it takes.
constexpr std::uint64_t kDepth = 500, kLargestDepth = 100000;

std::string again(std::string_view text, std::uint64_t max_depth = kDepth) {
  const auto result = reserialise(text, max_depth);
  return result ? *result : "refused: " + result.error().message;
}
bool refused(std::string_view text) {
  return !reserialise(text, kDepth);
}
std::string nested(std::size_t depth, char open, char close, const std::string& core = "") {
  return std::string(depth, open) + core + std::string(depth, close);
}
std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::vector<std::string> integers() {
  std::vector<std::string> out;
  for (const std::size_t digits : {1, 20, 299, 300, 301, 302, 308, 309, 310, 400, 10'000}) {
    std::string cycle;
    while (cycle.size() < digits) cycle += "1234567890";
    for (const std::string& number :
         {cycle.substr(0, digits), std::string(digits, '9'), '1' + std::string(digits - 1, '0')}) {
      out.push_back(number);
      out.push_back("-" + number);
    }
  }
  return out;
}

TEST_CASE("separators are those of json.dumps", "[untrusted_json]") {
  CHECK(again("[1,2,3]") == "[1, 2, 3]");
  CHECK(again(R"({"a":1,"b":2})") == R"({"a": 1, "b": 2})");
  CHECK(again(R"({"a":[1,{"b":[],"c":{}}],"d":null})") ==
        R"({"a": [1, {"b": [], "c": {}}], "d": null})");
  CHECK(again("[[],[[]],{},[{}]]") == "[[], [[]], {}, [{}]]");
}

TEST_CASE("a text in the form of json.dumps comes back unchanged", "[untrusted_json]") {
  for (const char* text :
       {"[]", "{}", "null", "true", "false", "0", "-1", R"("")", R"("text")", R"(["a", "b"])",
        R"({"a": {"b": {"c": []}}, "d": [1, [2, [3]]]})", R"([true, false, null, "x", 1.5, {}])"})
    CHECK(again(text) == text);
}

TEST_CASE("white space between tokens is not kept", "[untrusted_json]") {
  CHECK(again(" \t\r\n[ 1 ,\n2 , { \"a\" :\t3 } ] \n") == R"([1, 2, {"a": 3}])");
  CHECK(again("\n1\n") == "1");
}

TEST_CASE("equal keys and empty keys are kept in their order", "[untrusted_json]") {
  CHECK(again(R"({"a":1,"a":2,"":3})") == R"({"a": 1, "a": 2, "": 3})");
}

TEST_CASE("integers of any length survive digit for digit", "[untrusted_json]") {
  for (const std::string& number : integers()) CHECK(again(number) == number);
}

TEST_CASE("integers of any length survive inside arrays", "[untrusted_json]") {
  for (const std::string& number : integers()) {
    CHECK(again("[" + number + "]") == "[" + number + "]");
    CHECK(again("[0," + number + " ,\n" + number + "]") == "[0, " + number + ", " + number + "]");
  }
}

TEST_CASE("integers of any length survive as values of objects", "[untrusted_json]") {
  for (const std::string& number : integers())
    CHECK(again(R"({"a":)" + number + R"(,"b":[)" + number + "]}") ==
          R"({"a": )" + number + R"(, "b": [)" + number + "]}");
}

TEST_CASE("integers survive next to strings that look like them", "[untrusted_json]") {
  const std::string digits(400, '7');
  const std::vector<std::string> neighbours = {
      '"' + digits + '"', R"("\")" + digits + R"(\"")", R"("\\)" + digits + R"(\\")",
      R"("\\\")" + digits + '"', R"("[1,)" + digits + R"(]")"};
  for (const std::string& text : neighbours)
    for (const std::string& number : {digits, "-" + digits, std::string("12")}) {
      CHECK(again("[" + text + "," + number + "," + text + "]") ==
            "[" + text + ", " + number + ", " + text + "]");
      CHECK(again("{" + text + ":" + number + "}") == "{" + text + ": " + number + "}");
    }
}

TEST_CASE("integers survive after strings that shrink when they are read", "[untrusted_json]") {
  const std::string digits(400, '7');
  CHECK(again("[\"\\u0041\\n\\u00e9\\/\"," + digits + ",1.50,\"\\u0042\"," + digits + "]") ==
        "[\"A\\n\u00e9/\", " + digits + ", 1.50, \"B\", " + digits + "]");
}

TEST_CASE("floats are kept as they stand", "[untrusted_json]") {
  for (const std::string number :
       {"1e-07", "1.7976931348623157e+308", "-1.7976931348623157e+308", "-0.0", "0.0", "-0", "0.1",
        "5e-324", "2.2250738585072014e-308", "1E5", "1E+5", "1.50", "1e16", "123456789.123456789",
        "0.30000000000000004", "0.1000000000000000055511151231257827", "1e-400", "1e0007"}) {
    CHECK(again(number) == number);
    CHECK(again("[" + number + "," + number + "]") == "[" + number + ", " + number + "]");
  }
}

TEST_CASE("long fractions and exponents are kept as they stand", "[untrusted_json]") {
  const std::string digits(400, '3');
  for (const std::string& number :
       {"0." + digits, "1." + digits, "-1." + digits + "e-5", "1e-" + digits,
        std::string("1e-") + std::string(400, '0') + "7"}) {
    CHECK(again(number) == number);
    CHECK(again("[" + number + "]") == "[" + number + "]");
  }
}

TEST_CASE("numbers that JSON does not have are refused", "[untrusted_json]") {
  for (const std::string text :
       {"NaN",   "nan", "Infinity", "-Infinity", "inf",   "-inf",    "+1",   "1.",  ".5",
        "-.5",   "1e",  "1e+",      "1E-",       "-",     "--1",     "- 1",  "00",  "01",
        "-01",   "-00", "0123",     "1.2.3",     "1e5.5", "1e5e5",   "0x10", "0b1", "0o7",
        "1_000", "1n",  "1L",       "1-1",       "1+1",   "\xd9\xa1"}) {
    CAPTURE(text);
    CHECK(refused(text));
    CHECK(refused("[" + text + "]"));
    CHECK(refused(R"({"a": )" + text + "}"));
  }
}

TEST_CASE("malformed numbers are refused at any length", "[untrusted_json]") {
  const std::string digits(400, '7');
  for (const std::string& text :
       {"0" + digits,          "-0" + digits, std::string(400, '0'), '-' + std::string(400, '0'),
        "+" + digits,          digits + ".",  "." + digits,          digits + "e",
        digits + "E+",         "--" + digits, "- " + digits,         digits + " " + digits,
        digits + "-" + digits, digits + "x",  digits + "\"\"",       "5-" + digits,
        "5 " + digits,         "0 " + digits, "1e " + digits,        digits + "[]"}) {
    CAPTURE(text);
    CHECK(refused(text));
    CHECK(refused("[" + text + "]"));
  }
}

TEST_CASE("words that Python has and JSON has not are refused", "[untrusted_json]") {
  for (const char* text :
       {"None", "True", "False", "nul", "nulll", "truefalse", "undefined", "'a'", "(1)", "{1: 2}",
        "{a: 1}", "[1; 2]", "{\"a\"}", "{\"a\": }", "{\"a\" 1}"}) {
    CAPTURE(text);
    CHECK(refused(text));
  }
}

TEST_CASE("trailing commas are refused", "[untrusted_json]") {
  for (const char* text : {"[1,]", "[,]", "[,1]", "[1,,2]", "{\"a\": 1,}", "{,}", "1,", ","})
    CHECK(refused(text));
}

TEST_CASE("comments are refused", "[untrusted_json]") {
  for (const char* text : {"1 // x", "1 /* x */", "/* x */ 1", "[1, // x\n2]", "# x\n1", "[/**/]"})
    CHECK(refused(text));
}

TEST_CASE("anything after the first document is refused", "[untrusted_json]") {
  for (const char* text :
       {"1 2", "[] []", "{}{}", "null x", "\"a\" \"b\"", "[1]]", "{}}", "1\n2", "true,"})
    CHECK(refused(text));
}

TEST_CASE("an empty text is refused", "[untrusted_json]") {
  for (const char* text : {"", " ", "\n\t\r "}) CHECK(refused(text));
}

TEST_CASE("a text that ends too early is refused", "[untrusted_json]") {
  const std::string whole = R"({"a": [1, "b\u00e9\n", {"c": null}], "d": -1.5e3})";
  REQUIRE_FALSE(refused(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK(refused(whole.substr(0, size)));
}

TEST_CASE("brackets that do not match are refused", "[untrusted_json]") {
  for (const char* text : {"[", "]", "{", "}", "[}", "{]", "[[]", "[{]}", "{\"a\": [}", "[1}"})
    CHECK(refused(text));
}

TEST_CASE("unterminated strings are refused", "[untrusted_json]") {
  const std::string digits(400, '7');
  for (const std::string& text :
       {std::string("\""), std::string("\"a"), std::string("\"\\\""), std::string("[\"a]"),
        "\"" + digits, "\"\\" + digits, "[\"" + digits + "," + digits + "]", std::string("\"\\")})
    CHECK(refused(text));
}

TEST_CASE("control characters in strings are refused", "[untrusted_json]") {
  for (char c = 1; c < 0x20; ++c) {
    CAPTURE(static_cast<int>(c));
    CHECK(refused(std::string("\"a") + c + "b\""));
    CHECK(refused(std::string("{\"a") + c + "\": 1}"));
  }
  CHECK(again("\"\x7f\"") == "\"\x7f\"");
}

TEST_CASE("escapes that JSON does not have are refused", "[untrusted_json]") {
  for (const char* text : {R"("\x41")", R"("\a")", R"("\'")", R"("\0")", R"("\U00000041")",
                           R"("\u")", R"("\u12")", R"("\u12g4")", R"("\u 123")", R"("\u+123")"})
    CHECK(refused(text));
}

TEST_CASE("escapes are read and written in their shortest form", "[untrusted_json]") {
  CHECK(again(R"("\"\\\/\b\f\n\r\t")") == R"("\"\\/\b\f\n\r\t")");
  CHECK(again(R"("\u0041\u00e9\u20AC\u20ac")") == "\"A\u00e9\u20ac\u20ac\"");
  CHECK(again(R"({"\u006b": "\u0000\u001f"})") == R"({"k": "\u0000\u001F"})");
}

TEST_CASE("a pair of surrogate escapes is one character", "[untrusted_json]") {
  CHECK(again(R"("\ud83d\ude00")") == "\"\U0001F600\"");
  CHECK(again(R"("\uD800\uDC00\uDBFF\uDFFF")") == "\"\U00010000\U0010FFFF\"");
}

TEST_CASE("a high surrogate escape alone is refused", "[untrusted_json]") {
  for (const char* text :
       {R"("\ud800")", R"("\udbff")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\ud800")",
        R"("\ud800\u0041")", R"({"\ud800": 1})", R"("\ud800)"}) {
    CAPTURE(text);
    CHECK(refused(text));
  }
}

TEST_CASE("a low surrogate escape alone is refused", "[untrusted_json]") {
  for (const char* text : {R"("\udc00")", R"("\udfff")", R"("x\udc00")", R"("\udc00\ud800")",
                           R"({"\udc00": 1})", R"("\ud83d\ude00\ude00")"}) {
    CAPTURE(text);
    CHECK(refused(text));
  }
}

TEST_CASE("UTF-8 text is kept, not escaped", "[untrusted_json]") {
  for (const char* text :
       {"\"\u00e9\"", "\"\u20ac\"", "\"\U0001F600\"", "\"\u2028\"", "{\"\u00e9\": \"\uffff\"}"})
    CHECK(again(text) == text);
}

TEST_CASE("text that is not UTF-8 is refused", "[untrusted_json]") {
  for (const std::string bytes :
       {"\x80", "\xbf", "\xff", "\xfe", "\xc3", "\xc3(", "\xe2\x82", "\xe2(\xa1", "\xf0\x9f\x98",
        "\xf0\x28\x8c\x28", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80"}) {
    CAPTURE(bytes);
    CHECK(refused('"' + bytes + '"'));
    CHECK(refused("{\"" + bytes + "\": 1}"));
    CHECK(refused(bytes));
    CHECK(refused('"' + bytes));
  }
}

// Under valgrind: nothing may be read or written beyond the end of the copy.
TEST_CASE("a text that ends inside a character is refused at any size", "[untrusted_json]") {
  for (std::size_t size = 0; size < 100; ++size)
    for (const std::string cut : {"\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x98"})
      CHECK(refused('"' + std::string(size, 'x') + cut));
}

TEST_CASE("overlong UTF-8 is refused", "[untrusted_json]") {
  for (const std::string bytes : {"\xc0\xaf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\xaf",
                                  "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf"}) {
    CAPTURE(bytes);
    CHECK(refused('"' + bytes + '"'));
  }
}

TEST_CASE("a byte order mark is refused", "[untrusted_json]") {
  CHECK(refused("\xef\xbb\xbf[]"));
}

TEST_CASE("a NUL byte anywhere is refused", "[untrusted_json]") {
  const std::string whole = R"(["a", {"b": 1}, 22])";
  for (std::size_t i = 0; i <= whole.size(); ++i) {
    std::string text = whole;
    text.insert(i, 1, '\0');
    CHECK(refused(text));
  }
}

TEST_CASE("a text nested exactly to the bound is taken", "[untrusted_json]") {
  for (const std::uint64_t bound : {std::uint64_t{1}, std::uint64_t{2}, kDepth, kLargestDepth}) {
    const std::string arrays = nested(bound, '[', ']');
    const std::string objects = nested(bound - 1, '[', ']', "{}");
    CHECK(again(arrays, bound) == arrays);
    CHECK(again(objects, bound) == objects);
    CHECK(again(nested(bound, '[', ']', "1"), bound) == nested(bound, '[', ']', "1"));
  }
}

TEST_CASE("one level more than the bound is refused as nested", "[untrusted_json]") {
  for (const std::uint64_t bound : {std::uint64_t{1}, std::uint64_t{2}, kDepth, kLargestDepth}) {
    for (const std::string& text : {nested(bound + 1, '[', ']'), nested(bound, '[', ']', "{}"),
                                    std::string(bound + 1, '[')}) {
      const auto result = reserialise(text, bound);
      REQUIRE(result.has_error());
      CHECK_THAT(result.error().message, test::contains("nested"));
      CHECK_THAT(result.error().message, test::contains(std::to_string(bound)));
    }
  }
}

TEST_CASE("only depth counts towards the bound, not the number of containers", "[untrusted_json]") {
  std::string text = "[[]";
  for (int i = 0; i < 1000; ++i) text += ", [], {}";
  text += "]";
  CHECK(again(text, 2) == text);
}

TEST_CASE("objects inside objects count towards the bound", "[untrusted_json]") {
  std::string text = "0";
  for (std::uint64_t i = 0; i < kDepth; ++i) text = R"({"a": )" + text + "}";
  CHECK(again(text) == text);
  CHECK(refused(R"({"a": )" + text + "}"));
}

TEST_CASE("millions of open brackets are refused without recursion", "[untrusted_json]") {
  constexpr std::size_t kMany = 4'000'000;
  for (const std::uint64_t bound : {kDepth, kLargestDepth})
    for (const std::string& text : {std::string(kMany, '['), nested(kMany, '[', ']')}) {
      const auto result = reserialise(text, bound);
      REQUIRE(result.has_error());
      CHECK_THAT(result.error().message, test::contains("nested"));
    }
}

TEST_CASE("millions of open brackets below a boundless bound are refused", "[untrusted_json]") {
  CHECK(reserialise(std::string(4'000'000, '['), UINT64_MAX).has_error());
}

TEST_CASE("a refusal says what is wrong", "[untrusted_json]") {
  CHECK_THAT(again("[1"), test::contains("not valid JSON"));
  CHECK_THAT(again(std::string("1\0", 2)), test::contains("NUL"));
}

TEST_CASE("a string is written with quotes, backslashes and controls escaped", "[untrusted_json]") {
  CHECK(json_string("") == R"("")");
  CHECK(json_string(R"(a"b\c/d)") == R"("a\"b\\c/d")");
  CHECK(json_string("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(json_string(std::string_view("\0\x01\x1f", 3)) == R"("\u0000\u0001\u001F")");
  CHECK(json_string("\x7f\u00e9\u20ac\U0001F600") == "\"\x7f\u00e9\u20ac\U0001F600\"");
}

TEST_CASE("a string is appended to what is there", "[untrusted_json]") {
  std::string out = "[";
  append_json_string(out, "a");
  append_json_string(out, "b");
  CHECK(out == R"(["a""b")");
}

TEST_CASE("a written string is read back as the same text", "[untrusted_json]") {
  for (int c = 0; c < 0x80; ++c) {
    const std::string text = json_string(std::string(3, static_cast<char>(c)));
    CHECK(again(text) == text);
  }
}

}  // namespace
}  // namespace pyexec
