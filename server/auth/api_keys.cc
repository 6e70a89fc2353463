#include "server/auth/api_keys.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>

#include "sandbox/base/unique_fd.h"
#include "server/base/ascii.h"

namespace pyexec {
namespace {

constexpr std::size_t kMostNameBytes = 64;
// From one request in eleven days to more than any client sends.
constexpr double kLeastRate = 1e-6, kMostRate = 1e6;
constexpr std::uint64_t kMostBurst = 1'000'000, kMostRunning = 1'000'000;
// As the settings of the service.
constexpr std::uint64_t kMostTimeout = 3'600'000, kMostMemory = 1'048'576, kMostSessions = 100'000;

std::optional<Sha256> parse_hash(std::string_view text) {
  constexpr int kBase = 16;
  Sha256 hash;
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const char* const begin = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, hash[i], kBase);
    if (error != std::errc() || end != begin + 2) return std::nullopt;
  }
  return hash;
}

std::optional<std::uint64_t> parse_whole(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last || value < 1 || value > most) return std::nullopt;
  return value;
}

std::optional<double> parse_rate(std::string_view text) {
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, std::chars_format::fixed);
  if (error != std::errc() || end != last) return std::nullopt;
  if (!(value >= kLeastRate && value <= kMostRate)) return std::nullopt;  // rejects NaN, too
  return value;
}

using Words = std::vector<std::string_view>;

Words words_of(std::string_view line) {
  constexpr std::string_view kSpaces = " \t\r";
  Words words;
  for (auto at = line.find_first_not_of(kSpaces); at != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(kSpaces, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kSpaces, end);
  }
  return words;
}

struct Options {
  std::optional<double> rate;
  std::optional<std::uint64_t> burst, running;
  KeyLimits limits;
};

struct Option {
  std::string_view name;
  bool (*is_set)(const Options&);
  bool (*set)(Options&, std::string_view value);
  const char* wanted;
};

constexpr Option kOptions[] = {
    {"rate", [](const Options& options) { return options.rate.has_value(); },
     [](Options& options, std::string_view value) {
       return (options.rate = parse_rate(value)).has_value();
     },
     "rate is not a decimal number of requests a second from 0.000001 to 1000000"},
    {"burst", [](const Options& options) { return options.burst.has_value(); },
     [](Options& options, std::string_view value) {
       return (options.burst = parse_whole(value, kMostBurst)).has_value();
     },
     "burst is not a whole number from 1 to 1000000"},
    {"running", [](const Options& options) { return options.running.has_value(); },
     [](Options& options, std::string_view value) {
       return (options.running = parse_whole(value, kMostRunning)).has_value();
     },
     "running is not a whole number from 1 to 1000000"},
    {"timeout_ms", [](const Options& options) { return options.limits.timeout_ms.has_value(); },
     [](Options& options, std::string_view value) {
       return (options.limits.timeout_ms = parse_whole(value, kMostTimeout)).has_value();
     },
     "timeout_ms is not a whole number from 1 to 3600000"},
    {"memory_mb", [](const Options& options) { return options.limits.memory_mb.has_value(); },
     [](Options& options, std::string_view value) {
       return (options.limits.memory_mb = parse_whole(value, kMostMemory)).has_value();
     },
     "memory_mb is not a whole number from 1 to 1048576"},
    {"sessions", [](const Options& options) { return options.limits.sessions.has_value(); },
     [](Options& options, std::string_view value) {
       return (options.limits.sessions = parse_whole(value, kMostSessions)).has_value();
     },
     "sessions is not a whole number from 1 to 100000"},
};

boost::system::result<Options, Problem> parse_options(const Words& words) {
  Options options;
  for (const std::string_view word : words) {
    const auto equals = std::min(word.find('='), word.size());
    const auto* const option =
        std::find_if(std::begin(kOptions), std::end(kOptions),
                     [&](const Option& row) { return row.name == word.substr(0, equals); });
    if (option == std::end(kOptions) || equals == word.size())
      return Problem{
          "there is a word that is none of rate=N, burst=N, running=N, timeout_ms=N, memory_mb=N "
          "and "
          "sessions=N"};
    if (option->is_set(options)) return Problem{std::string(option->name) + " is given twice"};
    if (!option->set(options, word.substr(equals + 1))) return Problem{option->wanted};
  }
  if (options.burst && !options.rate) return Problem{"burst is given without rate"};
  return options;
}

boost::system::result<ApiKey, Problem> parse_key(const Words& words) {
  if (words.size() < 2) return Problem{"a key is a name and the SHA-256 of its text"};
  if (words[0].size() > kMostNameBytes || !is_alphanumeric_or(words[0], "._-"))
    return Problem{"the name is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'"};
  const auto hash = parse_hash(words[1]);
  if (!hash) return Problem{"the second word is not a SHA-256, which has 64 hexadecimal digits"};
  const auto options = parse_options({words.begin() + 2, words.end()});
  if (!options) return options.error();
  ApiKey key = {std::string(words[0]), *hash, {}, options->running, options->limits};
  if (options->rate) {
    const auto in_a_second = static_cast<std::uint64_t>(std::ceil(*options->rate));
    key.rate = {*options->rate, options->burst.value_or(std::max<std::uint64_t>(1, in_a_second))};
    const std::chrono::duration<double> fill(static_cast<double>(key.rate->burst) /
                                             key.rate->per_second);
    if (fill > RateLimiter::kLongestFill)
      return Problem{"the burst would take longer than 1000000000 seconds to come back"};
  }
  return key;
}

class KeyList {
 public:
  std::optional<std::string> add(ApiKey key, std::size_t line) {
    if (const auto [first, is_new] = names_.emplace(key.name, line); !is_new)
      return "the name is that of line " + std::to_string(first->second);
    if (const auto [first, is_new] = hashes_.emplace(key.hash, line); !is_new)
      return "the hash is that of line " + std::to_string(first->second);
    keys_.push_back(std::move(key));
    return std::nullopt;
  }
  std::vector<ApiKey> take() && { return std::move(keys_); }

 private:
  std::map<std::string, std::size_t> names_;  // name to line number
  std::map<Sha256, std::size_t> hashes_;
  std::vector<ApiKey> keys_;
};

boost::system::result<std::string, Problem> read_file(const std::string& path) {
  const auto problem = [&](const char* what) {
    return Problem{path + ": " + what + ": " + std::strerror(errno)};
  };
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return problem("cannot open");
  std::string text;
  std::array<char, 64 << 10> chunk;
  for (;;) {
    const ssize_t size = ::read(fd.get(), chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return problem("cannot read");
    if (size == 0) return {boost::system::in_place_value, std::move(text)};
    text.append(chunk.data(), static_cast<std::size_t>(size));
    if (text.size() > kMostKeyFileBytes)
      return Problem{path + ": is larger than " + std::to_string(kMostKeyFileBytes) + " bytes"};
  }
}

}  // namespace

boost::system::result<ApiKeys, Problem> ApiKeys::parse(std::string_view text,
                                                       const std::string& file) {
  // Fails here, before any client is refused for it. Also makes OpenSSL load the files it needs.
  if (!sha256("")) return Problem{"OpenSSL gives no SHA-256"};
  KeyList keys;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view all = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const Words words = words_of(all.substr(0, all.find('#')));
    if (words.empty()) continue;
    const auto at = file + ":" + std::to_string(line) + ": ";
    auto key = parse_key(words);
    if (!key) return Problem{at + key.error().message};
    if (const auto problem = keys.add(*std::move(key), line)) return Problem{at + *problem};
  }
  std::vector<ApiKey> found = std::move(keys).take();
  if (found.empty()) return Problem{file + ": holds no key"};
  return ApiKeys(std::move(found));
}

const ApiKey* ApiKeys::find(std::string_view presented) const {
  const auto hash = sha256(presented);
  if (!hash) return nullptr;
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys_)
    if (CRYPTO_memcmp(key.hash.data(), hash->data(), hash->size()) == 0) found = &key;
  return found;
}

boost::system::result<ApiKeys, Problem> read_key_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  return ApiKeys::parse(*text, path);
}

std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!boost::istarts_with(authorization, kScheme)) return std::nullopt;
  const std::string_view token = trimmed(authorization.substr(kScheme.size()), " ");
  const auto last = token.find_last_not_of('=');
  if (last == std::string_view::npos) return std::nullopt;
  if (!is_alphanumeric_or(token.substr(0, last + 1), "-._~+/")) return std::nullopt;
  return token;
}

}  // namespace pyexec
