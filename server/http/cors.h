// The web pages that may read answers: the Fetch standard's "CORS protocol", without credentials.
// Without these headers a browser withholds answers from pages of other origins. Pure.
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
  // origins: comma-separated, each scheme://host or scheme://host:port; or "*" alone for every
  // origin. If it is empty, no page may read answers. The problem names the entry.
  static boost::system::result<CorsPolicy, Problem> parse(std::string_view origins);

  bool is_on() const { return any_ || !origins_.empty(); }

  // Returns the headers for any answer. origin: the request's header; empty if it has none.
  Headers headers_for(std::string_view origin) const;

  // Returns the headers of the 204 that answers OPTIONS with Access-Control-Request-Method. Empty
  // if a page of this origin may not make such a request.
  Headers preflight(std::string_view origin, std::string_view requested_method) const;

 private:
  bool allows(std::string_view origin) const;
  Headers allowed_origin(std::string_view origin) const;

  bool any_ = false;
  std::vector<std::string> origins_;  // in the form that browsers send
};

}  // namespace pyexec
