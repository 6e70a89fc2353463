// The file of API keys that may send jobs. It holds unsalted hashes: anyone who reads it still
// cannot send jobs, as long as keys are random, as from `openssl rand -hex 32`.
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
#include "server/job/job_caps.h"

namespace pyexec {

struct ApiKey {
  std::string name;
  Sha256 hash;
  std::optional<Rate> rate;
  std::optional<std::uint64_t> running_jobs;  // concurrent, at most
  KeyLimits limits = {};
};

class ApiKeys {
 public:
  // One key per line: NAME SHA256 [rate=N] [burst=N] [running=N] [timeout_ms=N] [memory_mb=N]
  // [sessions=N]; # begins a comment. The hash is of the text that a client sends after "Bearer ":
  // `printf %s "$KEY" | sha256sum`. `rate` is in requests per second and may be fractional. `burst`
  // defaults to one second's worth, at least 1. One bad line rejects the whole file. The error
  // names file and line but never quotes the line, which may contain a key by mistake.
  static boost::system::result<ApiKeys, Problem> parse(std::string_view text,
                                                       const std::string& file);

  // Returns the key that matches `presented`, or null. Takes the same time whichever key matches,
  // or if none does: some 20 ns for each key. The pointer is valid as long as this object.
  const ApiKey* find(std::string_view presented) const;

  const std::vector<ApiKey>& all() const { return keys_; }

 private:
  explicit ApiKeys(std::vector<ApiKey> keys) : keys_(std::move(keys)) {}

  std::vector<ApiKey> keys_;  // not empty
};

// Reads the whole file before it parses any of it. Refuses files larger than kMostKeyFileBytes.
inline constexpr std::size_t kMostKeyFileBytes = 16 << 20;
boost::system::result<ApiKeys, Problem> read_key_file(const std::string& path);

// Returns the bearer token (RFC 6750) in an Authorization header's value, or nullopt if there is
// none.
std::optional<std::string_view> bearer_token(std::string_view authorization);

}  // namespace pyexec
