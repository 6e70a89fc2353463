#include "server/http/own_address.h"

#include "server/http/authority.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

constexpr std::uint16_t kPort = 8123;
constexpr const char* kFallback = "http://localhost:8123";

std::string address(const std::string& host, std::initializer_list<const char*> schemes = {}) {
  Exchange::Head head;
  head.insert("Host", host);
  for (const char* scheme : schemes) head.insert("X-Forwarded-Proto", scheme);
  return own_address(head, kPort);
}

TEST_CASE("the address is that of the Host header", "[own_address]") {
  for (const char* host : {"localhost", "localhost:8080", "pyexec.example", "10.0.0.1:80", "my_pod",
                           "[::1]:8080", "[fe80::A]", "A.Example:65535"})
    CHECK(address(host) == std::string("http://") + host);
}

TEST_CASE("a proxy names the scheme", "[own_address]") {
  CHECK(address("a.example", {"https"}) == "https://a.example");
  CHECK(address("a.example", {"http"}) == "http://a.example");
}

TEST_CASE("another scheme does not count", "[own_address]") {
  for (const char* scheme :
       {"", "HTTPS", "https,http", " ftp", "javascript", "https://b\"><script>"})
    CHECK(address("a.example", {scheme}) == "http://a.example");
  CHECK(address("a.example", {"https", "https"}) == "http://a.example");
}

TEST_CASE("without a Host header the address is local", "[own_address]") {
  CHECK(own_address({}, kPort) == kFallback);
  CHECK(address("") == kFallback);
}

TEST_CASE("a Host header that is more than a host and a port does not count", "[own_address]") {
  for (const char* host : {"\"><script>alert(1)</script>",
                           "a b",
                           " ",
                           "a/b",
                           "a?b",
                           "a#b",
                           "user@a",
                           "a%41",
                           "a'b",
                           "a;b",
                           "$(id)",
                           "`id`",
                           "a&b",
                           "a:",
                           ":80",
                           "a:0",
                           "a:080",
                           "a:65536",
                           "a:1:2",
                           "a:8o",
                           "::1",
                           "[::1",
                           "[]",
                           "[::1]a",
                           "[::1]:",
                           "[g::1]",
                           "b\xc3\xbc"
                           "cher.example",
                           "\xe2\x98\x83",
                           "@version@"})
    CHECK(address(host) == kFallback);
  CHECK(address(std::string(254, 'a')) == kFallback);
  CHECK(address(std::string(253, 'a')) != kFallback);
}

TEST_CASE("an authority is a host and perhaps a port", "[own_address]") {
  CHECK(parse_authority("a.example:80")->host == "a.example");
  CHECK(parse_authority("a.example:80")->port == "80");
  CHECK(parse_authority("[::1]:80")->host == "[::1]");
  CHECK(parse_authority("[::1]:80")->port == "80");
  CHECK(parse_authority("a.example")->port.empty());
  CHECK_FALSE(parse_authority(""));
}

}  // namespace
}  // namespace pyexec
