#include "server/http/request_target.h"

#include <boost/algorithm/string/predicate.hpp>

#include "server/base/ascii.h"

namespace pyexec {

std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!boost::istarts_with(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto end = target.find_first_of("/?#");
    if (end == std::string_view::npos) return "/";
    return target[end] == '/' ? target.substr(end) : "/";
  }
  return target;
}

std::string_view path_of(std::string_view target) {
  const std::string_view origin = origin_form(target);
  return origin.substr(0, origin.find('?'));
}

bool is_host(std::string_view value) {
  return is_alphanumeric_or(value, "-._~%!$&'()*+,;=:[]");
}

}  // namespace pyexec
