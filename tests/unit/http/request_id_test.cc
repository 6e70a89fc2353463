#include "server/http/request_id.h"

#include <set>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

bool is_fresh(const std::string& id) {
  return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

TEST_CASE("a good request id is kept", "[request_id]") {
  RequestIds ids;
  const std::string longest(128, 'x');
  for (const std::string& sent : {std::string("a"), std::string("req-1.2_3~4:5/6+7=8@9"), longest})
    CHECK(ids.id_for(sent) == sent);
}

TEST_CASE("every byte that a request id may hold is kept and no other", "[request_id]") {
  RequestIds ids;
  const std::string good =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._~:/+=@-";
  for (int byte = 0; byte < 256; ++byte) {
    const std::string sent = std::string("id") + static_cast<char>(byte);
    CAPTURE(byte);
    CHECK((ids.id_for(sent) == sent) == (good.find(sent.back()) != std::string::npos));
  }
}

TEST_CASE("a request without a good id gets a fresh one", "[request_id]") {
  RequestIds ids;
  for (const std::string& sent :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a\r\nX-Y: z"),
        std::string("a\0b", 3), std::string("caf\xc3\xa9"), std::string("a,b"),
        std::string("\"a\"")})
    CHECK(is_fresh(ids.id_for(sent)));
}

TEST_CASE("fresh ids differ, of one source and of two", "[request_id]") {
  RequestIds first, second;
  std::set<std::string> seen;
  constexpr std::size_t kIds = 10'000;
  for (std::size_t i = 0; i < kIds; ++i) {
    seen.insert(first.id_for(""));
    seen.insert(second.id_for(""));
  }
  CHECK(seen.size() == 2 * kIds);
}

}  // namespace
}  // namespace pyexec
