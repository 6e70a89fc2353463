#include "server/http/request_id.h"

#include "server/base/ascii.h"
#include "server/base/random.h"

namespace pyexec {

std::string request_id_for(std::string_view sent) {
  constexpr std::size_t kMostBytes = 128, kRandomBytes = 16;
  if (!sent.empty() && sent.size() <= kMostBytes && is_alphanumeric_or(sent, "._~:/+=@-"))
    return std::string(sent);
  return random_hex(kRandomBytes);
}

}  // namespace pyexec
