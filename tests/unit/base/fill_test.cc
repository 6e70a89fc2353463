#include "server/base/fill.h"

#include <stdexcept>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

const Blank kBlanks[] = {{"one", "1"}, {"two", "@one@"}, {"none", ""}};

TEST_CASE("each blank becomes its value", "[fill]") {
  CHECK(fill("", kBlanks).empty());
  CHECK(fill("no blank", kBlanks) == "no blank");
  CHECK(fill("@one@", kBlanks) == "1");
  CHECK(fill("a @one@@one@ b@none@", kBlanks) == "a 11 b");
}

TEST_CASE("a value is not searched for blanks", "[fill]") {
  CHECK(fill("@two@", kBlanks) == "@one@");
}

TEST_CASE("an @ that begins no blank stays", "[fill]") {
  for (const char* text : {"@", "@@", "a@b", "@one", "@media (width)", "@One@", "=@-]@1@"})
    CHECK(fill(text, kBlanks) == text);
}

TEST_CASE("a blank without a value is an error", "[fill]") {
  CHECK_THROWS_AS(fill("@one@ @three@", kBlanks), std::logic_error);
}

TEST_CASE("HTML cannot be put into text", "[fill]") {
  CHECK(html_escaped("http://a.example:80") == "http://a.example:80");
  CHECK(html_escaped("<a b=\"c\" d='e'>&") == "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
}

}  // namespace
}  // namespace pyexec
