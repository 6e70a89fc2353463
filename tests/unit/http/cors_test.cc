#include "server/http/cors.h"

#include <algorithm>
#include <map>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using Fields = std::map<std::string, std::string>;

CorsPolicy policy_of(std::string_view origins) {
  const auto policy = CorsPolicy::parse(origins);
  REQUIRE(policy.has_value());
  return *policy;
}

std::string problem_of(std::string_view origins) {
  const auto policy = CorsPolicy::parse(origins);
  CAPTURE(std::string(origins));
  REQUIRE(policy.has_error());
  return policy.error().message;
}

// Each name once.
Fields fields(const Headers& headers) {
  Fields out;
  for (const auto& [name, value] : headers) out.emplace(name, value);
  REQUIRE(out.size() == headers.size());
  return out;
}

bool allows(const CorsPolicy& policy, std::string_view origin) {
  return fields(policy.headers_for(origin)).contains("Access-Control-Allow-Origin");
}

TEST_CASE("without origins nothing is added", "[cors]") {
  for (const char* origins : {"", " ", "\t "}) {
    const CorsPolicy policy = policy_of(origins);
    CHECK_FALSE(policy.is_on());
    CHECK(policy.headers_for("https://a.example").empty());
    CHECK(policy.headers_for("").empty());
    CHECK(policy.preflight("https://a.example", "POST").empty());
  }
}

TEST_CASE("a listed origin is echoed, and told what it may see", "[cors]") {
  const CorsPolicy policy = policy_of("https://a.example, http://localhost:3000");
  CHECK(policy.is_on());
  for (const char* origin : {"https://a.example", "http://localhost:3000"}) {
    const Fields headers = fields(policy.headers_for(origin));
    CHECK(headers.at("Access-Control-Allow-Origin") == origin);
    CHECK(headers.at("Vary") == "Origin");
    for (const char* exposed :
         {"Pyexec-Outcome", "Pyexec-Hint", "Server-Timing", "X-Request-Id", "Retry-After",
          "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"})
      CHECK_THAT(headers.at("Access-Control-Expose-Headers"), test::contains(exposed));
    CHECK_FALSE(headers.contains("Access-Control-Allow-Credentials"));
  }
}

TEST_CASE("an answer to anybody else still says that it depends on the origin", "[cors]") {
  const CorsPolicy policy = policy_of("https://a.example");
  for (const char* origin : {"", "https://b.example", "http://a.example", "https://a.example:8443",
                             "null", "https://a.example.evil.example", "https://evil-a.example",
                             "https://a.example/", "https://a.example,https://b.example"}) {
    CAPTURE(origin);
    CHECK(fields(policy.headers_for(origin)) == Fields{{"Vary", "Origin"}});
    CHECK(policy.preflight(origin, "POST").empty());
  }
}

TEST_CASE("a star allows every origin, and the answer is the same for all", "[cors]") {
  const CorsPolicy policy = policy_of(" * ");
  CHECK(policy.is_on());
  for (const char* origin : {"https://a.example", "null", ""}) {
    const Fields headers = fields(policy.headers_for(origin));
    CHECK(headers.at("Access-Control-Allow-Origin") == "*");
    CHECK_FALSE(headers.contains("Vary"));
    CHECK(headers.contains("Access-Control-Expose-Headers"));
  }
}

TEST_CASE("a preflight says what may be asked", "[cors]") {
  for (const char* origins : {"https://a.example", "*"}) {
    const CorsPolicy policy = policy_of(origins);
    for (const char* method : {"POST", "GET", "HEAD", "OPTIONS"}) {
      const Fields headers = fields(policy.preflight("https://a.example", method));
      CHECK(headers.contains("Access-Control-Allow-Origin"));
      CHECK(headers.at("Access-Control-Max-Age") == "600");
      CHECK_THAT(headers.at("Access-Control-Allow-Methods"), test::contains(method));
      for (const char* name :
           {"Authorization", "Content-Type", "Content-Encoding", "X-Request-Id", "Accept"})
        CHECK_THAT(headers.at("Access-Control-Allow-Headers"), test::contains(name));
      CHECK_FALSE(headers.contains("Access-Control-Allow-Credentials"));
    }
  }
}

TEST_CASE("a preflight for another method, or of nobody, allows nothing", "[cors]") {
  for (const char* origins : {"https://a.example", "*"}) {
    const CorsPolicy policy = policy_of(origins);
    for (const char* method : {"", "PATCH", "put", "post", "POST, GET", "POST "})
      CHECK(policy.preflight("https://a.example", method).empty());
    CHECK(policy.preflight("", "POST").empty());
  }
}

TEST_CASE("an origin is compared as browsers write it", "[cors]") {
  CHECK(allows(policy_of("HTTPS://A.Example"), "https://a.example"));
  CHECK(allows(policy_of("https://a.example:443"), "https://a.example"));
  CHECK(allows(policy_of("http://a.example:80"), "http://a.example"));
  CHECK(allows(policy_of("http://a.example:443"), "http://a.example:443"));
  CHECK(allows(policy_of("http://[::1]"), "http://[::1]"));
  CHECK(allows(policy_of("http://[::1]:65535"), "http://[::1]:65535"));
  CHECK(allows(policy_of("http://[::1]:80"), "http://[::1]"));
  CHECK(allows(policy_of("chrome-extension://abcdef"), "chrome-extension://abcdef"));
  CHECK(allows(policy_of("http://127.0.0.1:8000"), "http://127.0.0.1:8000"));
}

TEST_CASE("what is no origin is refused by name", "[cors]") {
  for (const char* entry : {"a.example",
                            "https://",
                            "://a.example",
                            "https:a.example",
                            "https://a.example/",
                            "https://a.example/path",
                            "https://a.example?x",
                            "https://a.example#x",
                            "https://user@a.example",
                            "https://*.example",
                            "https://a b",
                            "null",
                            "https://a.example:",
                            "https://a.example:0",
                            "https://a.example:080",
                            "https://a.example:65536",
                            "https://a.example:x",
                            "https://a.example:1:2",
                            "https://[::1",
                            "https://::1",
                            "https://[]",
                            "https://[::1]x",
                            "https://[g::1]",
                            "https://[::1]]",
                            "1https://a.example",
                            "h ttps://a",
                            "https://b\xc3\xbc"
                            "cher.example",
                            "**"}) {
    CHECK_THAT(problem_of(entry), test::contains(std::string("'") + entry + "'"));
    CHECK_THAT(problem_of(std::string("https://good.example, ") + entry),
               test::contains(std::string("'") + entry + "'"));
  }
}

TEST_CASE("an entry with nothing in it is refused", "[cors]") {
  for (const char* origins :
       {",", "https://a.example,", ",https://a.example", "https://a.example,,https://b.example"})
    CHECK_THAT(problem_of(origins), test::contains("''"));
}

TEST_CASE("a star beside other origins is refused", "[cors]") {
  for (const char* origins : {"*,https://a.example", "https://a.example, *", "*,*"})
    CHECK_THAT(problem_of(origins), test::contains("'*'"));
}

}  // namespace
}  // namespace pyexec
