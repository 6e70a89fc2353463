#include "server/http/accept.h"

#include <algorithm>
#include <tuple>

#include "server/http/quality.h"

namespace pyexec {
namespace {

// Returns 3 for this type, 2 for type/*, 1 for */*, 0 if the range does not match.
int exactness(std::string_view range, std::string_view type) {
  if (range == type) return 3;
  if (range == "*/*" || range == "*") return 1;
  const std::string_view kind = type.substr(0, type.find('/') + 1);
  return range.starts_with(kind) && range.substr(kind.size()) == "*" ? 2 : 0;
}

}  // namespace

std::optional<std::size_t> best_type(std::string_view accept,
                                     std::span<const std::string_view> types) {
  const auto ranges = parse_choices(accept);
  if (ranges.empty()) return types.empty() ? std::nullopt : std::optional<std::size_t>(0);
  using Liking = std::tuple<int, int, std::ptrdiff_t>;  // weight, exactness, -place
  std::optional<std::size_t> best;
  Liking most = {0, 0, 0};
  for (std::size_t i = 0; i < types.size(); ++i) {
    Liking liking = {0, 0, 0};
    for (std::size_t place = 0; place < ranges.size(); ++place) {
      const int exact = exactness(ranges[place].name, types[i]);
      if (exact > std::get<1>(liking))
        liking = {ranges[place].thousandths, exact, -static_cast<std::ptrdiff_t>(place)};
    }
    if (std::get<0>(liking) == 0 || (best && liking <= most)) continue;
    best = i;
    most = liking;
  }
  return best;
}

}  // namespace pyexec
