#include "server/http/accept.h"

#include "server/http/content_encoding.h"
#include "server/http/request_target.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;

std::string best(std::string_view accept) {
  constexpr std::string_view kTypes[] = {"application/json", "text/event-stream",
                                         "application/x-ndjson"};
  const auto index = best_type(accept, kTypes);
  return index ? std::string(kTypes[*index]) : "none";
}

TEST_CASE("the heaviest type that there is wins", "[accept]") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "application/json"},
      {"*/*", "application/json"},
      {"text/event-stream;q=0.1, application/json;q=0.9", "application/json"},
      {"text/event-stream;q=0.9, application/json;q=0.1", "text/event-stream"},
      {"text/event-stream;q=0, application/json", "application/json"},
      {"text/event-stream;q=0, */*", "application/json"},
      {"application/json;q=0, */*", "text/event-stream"},
      {"text/*", "text/event-stream"},
      {"text/*;q=0.5, application/json;q=0.4", "text/event-stream"},
      {"text/*, text/event-stream;q=0", "none"},
      {"application/*", "application/json"},
      {"text/event-stream, */*;q=0.1", "text/event-stream"},
      {"*/*, text/event-stream", "text/event-stream"},
      {"text/event-stream, application/json", "text/event-stream"},
      {"application/json, text/event-stream", "application/json"},
      {"text/html, application/xml;q=0.9, */*;q=0.8", "application/json"},
      {"Application/X-NDJSON ; charset=utf-8 ; q=0.5", "application/x-ndjson"},
      {"text/html", "none"}};
  for (const auto& [accept, type] : rows) {
    CAPTURE(accept);
    CHECK(best(accept) == type);
  }
}

TEST_CASE("what is malformed in a list is passed over", "[accept]") {
  for (const char* bad : {"text/event-stream;q=x", "text/event-stream;q=2", ";q=1", ",", "a b/c",
                          "text/event-stream;q=", "\xff"}) {
    CAPTURE(bad);
    CHECK(best(bad) == "application/json");
    CHECK(best(bad + std::string(", application/x-ndjson")) == "application/x-ndjson");
  }
  CHECK(best("text/event-stream;a=\"x, application/json;q=1\"") == "text/event-stream");
}

TEST_CASE("gzip and identity are served, and nothing else", "[accept]") {
  const auto encoding = [](const char* value) {
    http::fields head;
    head.set(http::field::content_encoding, value);
    return content_encoding(head);
  };
  CHECK(content_encoding(http::fields()) == ContentEncoding::identity);
  for (const char* value : {"gzip", "x-gzip", "GZIP", "identity, gzip"})
    CHECK(encoding(value) == ContentEncoding::gzip);
  CHECK(encoding("identity") == ContentEncoding::identity);
  for (const char* value : {"br", "deflate", "gzip, gzip", "gzip, br", "gz ip"})
    CHECK_FALSE(encoding(value));
  http::fields head;
  head.set(http::field::content_encoding, "br");
  CHECK(problem_with_encoding(head) ==
        "Content-Encoding 'br' is not served; send the body as it is, or as gzip");
}

TEST_CASE("a target in absolute form is the path in it", "[accept]") {
  const std::pair<const char*, const char*> rows[] = {{"/a?b", "/a"},
                                                      {"http://h/a?b", "/a"},
                                                      {"HTTP://u@h:80/a/b", "/a/b"},
                                                      {"https://[::1]/", "/"},
                                                      {"http://h", "/"},
                                                      {"http://h?x", "/"},
                                                      {"http://h:x/a", "http://h:x/a"},
                                                      {"http://h/a#b", "/a#b"},
                                                      {"*", "*"},
                                                      {"", ""},
                                                      {"/http://h/a", "/http://h/a"},
                                                      {"ftp://h/a", "ftp://h/a"}};
  for (const auto& [target, path] : rows) CHECK(path_of(target) == path);
  CHECK(is_host("example.org:80"));
  CHECK(is_host("[::1]:8080"));
  for (const char* host : {"a b", "a/b", "u@h", "a\tb"}) CHECK_FALSE(is_host(host));
}

}  // namespace
}  // namespace pyexec
