#include "server/job/field_hints.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "server/base/ascii.h"

namespace pyexec {
namespace {

struct OtherNames {
  std::string_view field;
  std::string_view names;  // in lower case without separators, each between spaces
};
constexpr OtherNames kOtherNames[] = {
    {"script", " source sourcecode src python program content "},
    {"code", " pythoncode snippet cell expression "},
    {"args", " arguments argv kwargs params parameters inputs data "},
    {"stdin", " input inputdata standardinput "},
    {"files", " file uploads attachments inputfiles "},
    {"env", " environment environ envvars environmentvariables variables vars "},
    {"timeout_ms",
     " timeout timelimit timelimitms timeoutseconds timeoutsec timeouts deadline "
     "maxtime runtimeout "},
    {"memory_mb", " memory memorylimit memorylimitmb mem ram maxmemory memorybytes "},
    {"output_bytes", " outputlimit maxoutput stdoutbytes maxoutputbytes "},
    {"verbose", " debug detail details detailed "},
    {"return_files", " outputfiles artifacts outputs returnfile downloads filestoreturn "},
    {"progress_ms", " progress progressinterval "},
};

constexpr std::size_t kMostNameBytes = 40;

// Makes "timeoutMs", "Timeout-MS" and "timeout_ms" equal.
std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (is_ascii_alphanumeric(c))
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Returns the number of letters inserted, deleted or changed; a swap of two counts once.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool is_same = a[i - 1] == b[j - 1];
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (is_same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last = now;
  }
  return last.back();
}

}  // namespace

std::string_view meant_field(std::string_view name, std::span<const std::string_view> known) {
  if (name.size() > kMostNameBytes) return {};
  const std::string said = plain(name);
  const auto is_known = [&](std::string_view field) {
    return std::find(known.begin(), known.end(), field) != known.end();
  };
  for (const OtherNames& row : kOtherNames)
    if (!said.empty() && is_known(row.field) &&
        row.names.find(" " + said + " ") != std::string_view::npos)
      return row.field;
  std::string_view nearest;
  std::size_t least = said.size() / 3 + 1;
  for (const std::string_view field : known) {
    const std::size_t away = distance(said, plain(field));
    if (away < least) {
      least = away;
      nearest = field;
    }
  }
  return nearest;
}

}  // namespace pyexec
