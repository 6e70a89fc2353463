#include "server/http/response_head.h"

#include "tests/support/catch.h"

using namespace pyexec;
using Framing = ResponseHead::Framing;

TEST_CASE("the fields stand in their order, and framing after them", "[response_head]") {
  ResponseHead head = {.status = 200, .version = 11, .framing = Framing::length, .length = 12};
  head.keep_alive = true;
  head.add("Content-Type", "text/plain");
  head.add("Vary", "a");
  head.add("Vary", "b");
  CHECK(head.text() ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVary: a\r\nVary: b\r\n"
        "Content-Length: 12\r\n\r\n");
}

TEST_CASE("only what is not the version's own way of connections is said", "[response_head]") {
  const auto text = [](unsigned version, bool keep_alive) {
    return ResponseHead{.status = 429, .version = version, .keep_alive = keep_alive}.text();
  };
  CHECK(text(11, true) == "HTTP/1.1 429 Too Many Requests\r\n\r\n");
  CHECK(text(11, false) == "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n");
  CHECK(text(10, false) == "HTTP/1.0 429 Too Many Requests\r\n\r\n");
  CHECK(text(10, true) == "HTTP/1.0 429 Too Many Requests\r\nConnection: keep-alive\r\n\r\n");
}

TEST_CASE("a chunked answer has no length, and a 204 neither", "[response_head]") {
  const ResponseHead chunked = {.status = 200, .version = 11, .framing = Framing::chunked};
  CHECK(chunked.text() ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  const ResponseHead empty = {.status = 204, .version = 11, .framing = Framing::length};
  CHECK(empty.text() == "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST_CASE("a value does not begin another field", "[response_head]") {
  ResponseHead head = {.status = 200, .version = 10};
  head.add("X-A", "a\r\nX-B: b");
  head.add("X-C", "c\nX-D: d");
  CHECK(head.text() == "HTTP/1.0 200 OK\r\nX-A: a\r\nX-C: c\r\n\r\n");
}
