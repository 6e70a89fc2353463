#include "server/auth/api_keys.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

TEST_CASE("the token of a bearer is taken", "[bearer_token]") {
  const std::string every = "AZaz09-._~+/x==";
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER ", "Bearer   "})
    CHECK(bearer_token(scheme + every) == every);
  CHECK(bearer_token("Bearer x") == "x");
  CHECK(bearer_token("Bearer x ") == "x");
}

TEST_CASE("what is not one token of a bearer is none", "[bearer_token]") {
  for (const std::string& header : {std::string(),
                                    std::string("Bearer"),
                                    std::string("Bearer "),
                                    std::string("Bearer  "),
                                    std::string("Bearerx"),
                                    std::string("Bearer\tx"),
                                    std::string("Basic eA=="),
                                    std::string("x"),
                                    std::string("Bearer a b"),
                                    std::string("Bearer a,b"),
                                    std::string("Bearer \"a\""),
                                    std::string("Bearer ="),
                                    std::string("Bearer =="),
                                    std::string("Bearer =a"),
                                    std::string("Bearer a=b"),
                                    std::string("Bearer a:b"),
                                    std::string("Bearer \xc3\xa9"),
                                    std::string("Bearer a\0", 9),
                                    std::string(" Bearer x"),
                                    std::string("Bearer a, Bearer b"),
                                    std::string("Token x")}) {
    CAPTURE(header);
    CHECK_FALSE(bearer_token(header));
  }
}

}  // namespace
}  // namespace pyexec
