// Header fields that list choices with weights: Accept, Accept-Encoding (RFC 9110, 12.4).
// Pure.
#pragma once

#include <boost/beast/http/fields.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pyexec {

struct Choice {
  std::string name;        // in lower case
  int thousandths = 1000;  // 0: ruled out
};

// Returns the choices in their order. Malformed ones are ignored, as are parameters except q.
std::vector<Choice> parse_choices(std::string_view list);

// Returns a field that may be sent in several lines as one list.
std::string joined(const boost::beast::http::fields& head, boost::beast::http::field name);

}  // namespace pyexec
