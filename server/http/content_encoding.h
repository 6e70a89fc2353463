// How the body of a request may come compressed. Pure.
#pragma once

#include <boost/beast/http/fields.hpp>
#include <optional>
#include <string>

namespace pyexec {

inline constexpr const char* kServedEncodings = "gzip";

inline constexpr const char* kNotGzip =
    "the body is not whole gzip, as its Content-Encoding says that it is";

enum class ContentEncoding { identity, gzip };

// Nothing if it is not served: then `problem_with_encoding` says so.
std::optional<ContentEncoding> content_encoding(const boost::beast::http::fields& head);
std::string problem_with_encoding(const boost::beast::http::fields& head);

}  // namespace pyexec
