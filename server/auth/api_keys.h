// Who may send jobs: a file of API keys. It holds their hashes, without salt: who reads it cannot
// send jobs as long as keys are random, as those of `openssl rand -hex 32` are.
#pragma once

#include <array>
#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/auth/rate_limit.h"
#include "server/base/problem.h"
#include "server/base/sha256.h"

namespace pyexec {

struct ApiKey {
  std::string name;
  Sha256 hash;
  std::optional<Rate> rate;
  std::optional<std::uint64_t> running_jobs;  // most at the same time
};

class ApiKeys {
 public:
  // A key a line: NAME SHA256 [rate=N] [burst=N] [running=N]; # begins a comment. The hash is of
  // what a client sends after "Bearer ": `printf %s "$KEY" | sha256sum`. `rate` is in requests a
  // second and may have a fraction; `burst` is by default what comes in a second, at least 1.
  // One bad line refuses the whole. A problem names file and line, and repeats nothing of the
  // line: a key may stand there by mistake.
  static boost::system::result<ApiKeys, Problem> parse(std::string_view text,
                                                       const std::string& file);

  // The key whose text this is, or null. Takes the same time whichever it is, and if it is none:
  // the time grows with the number of keys, some 20 ns each. Good until the keys are gone.
  const ApiKey* find(std::string_view presented) const;

  const std::vector<ApiKey>& all() const { return keys_; }

 private:
  explicit ApiKeys(std::vector<ApiKey> keys) : keys_(std::move(keys)) {}

  std::vector<ApiKey> keys_;  // not empty
};

// Reads all of it before any is looked at; refuses files larger than kMostKeyFileBytes.
inline constexpr std::size_t kMostKeyFileBytes = 16 << 20;
boost::system::result<ApiKeys, Problem> read_key_file(const std::string& path);

// The token of an Authorization header's value as of RFC 6750; nothing if it is not one.
std::optional<std::string_view> bearer_token(std::string_view authorization);

}  // namespace pyexec
