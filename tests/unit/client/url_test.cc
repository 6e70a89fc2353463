#include "client/url.h"

#include "tests/support/catch.h"

namespace pyexec::client {
namespace {

Url url_of(std::string_view text) {
  const auto url = parse_url(text);
  CAPTURE(text);
  REQUIRE(std::holds_alternative<Url>(url));
  return std::get<Url>(url);
}

std::string problem_with(std::string_view text) {
  const auto url = parse_url(text);
  CAPTURE(text);
  REQUIRE(std::holds_alternative<Problem>(url));
  return std::get<Problem>(url).message;
}

TEST_CASE("a URL has a host, maybe a port, maybe a prefix", "[url]") {
  struct Row {
    const char *text, *host, *port, *prefix, *header;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"http://127.0.0.1:8080", "127.0.0.1", "8080", "", "127.0.0.1:8080"},
           {"http://example.org", "example.org", "80", "", "example.org"},
           {"http://example.org:80/", "example.org", "80", "", "example.org"},
           {"http://a:1/py/exec/", "a", "1", "/py/exec", "a:1"},
           {"http://[::1]:65535/x", "::1", "65535", "/x", "[::1]:65535"},
           {"http://[fe80::1]", "fe80::1", "80", "", "[fe80::1]"},
       }) {
    const Url url = url_of(row.text);
    CHECK(url.host == row.host);
    CHECK(url.port == row.port);
    CHECK(url.prefix == row.prefix);
    CHECK(url.host_header() == row.header);
  }
}

TEST_CASE("https is refused with a way out", "[url]") {
  CHECK_THAT(problem_with("https://example.org"), test::contains("put a TLS proxy in front of it"));
}

TEST_CASE("what is no URL of a service is refused by name", "[url]") {
  for (const char* text : {"",
                           "example.org",
                           "http//x",
                           "ftp://x",
                           "http://",
                           "http://:80",
                           "http:// x",
                           "http://x\ny",
                           "http://x:",
                           "http://x:0",
                           "http://x:65536",
                           "http://x:8o",
                           "http://x:-1",
                           "http://[::1",
                           "http://[::1]80",
                           "http://[]:80",
                           "http://::1:80",
                           "http://x?a",
                           "http://x/#a",
                           "http://x/\r\nHost: y"})
    CHECK_THAT(problem_with(text), test::contains(std::string("'") + text + "'"));
}

TEST_CASE("a key in a URL is refused, and not repeated", "[url]") {
  const auto problem = problem_with("http://user:secret@x");
  CHECK_THAT(problem, test::contains("--key-file"));
  CHECK_THAT(problem, !test::contains("secret"));
}

}  // namespace
}  // namespace pyexec::client
