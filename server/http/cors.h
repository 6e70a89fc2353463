// Which web pages may read answers: the Fetch standard's "CORS protocol", without credentials. A
// browser that is told nothing keeps answers from pages of other origins. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/problem.h"
#include "server/http/headers.h"

namespace pyexec {

class CorsPolicy {
 public:
  // `origins`, comma-separated: scheme://host or scheme://host:port each, or "*" alone for every
  // one; with nothing in it no page may. The problem names the entry.
  static boost::system::result<CorsPolicy, Problem> parse(std::string_view origins);

  bool is_on() const { return any_ || !origins_.empty(); }

  // For any answer. `origin` is the request's header, empty if it has none.
  Headers headers_for(std::string_view origin) const;

  // For the 204 that answers OPTIONS with Access-Control-Request-Method. Empty if a page of this
  // origin may not ask so.
  Headers preflight(std::string_view origin, std::string_view requested_method) const;

 private:
  bool allows(std::string_view origin) const;
  Headers allowed_origin(std::string_view origin) const;

  bool any_ = false;
  std::vector<std::string> origins_;  // as a browser writes them
};

}  // namespace pyexec
