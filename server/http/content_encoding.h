// The content encodings that request bodies may have. Pure.
#pragma once

#include <boost/beast/http/fields.hpp>
#include <optional>
#include <string>

namespace pyexec {

inline constexpr const char* kServedEncodings = "gzip";

inline constexpr const char* kNotGzip =
    "the body is not whole gzip, as its Content-Encoding says that it is";

enum class ContentEncoding { identity, gzip };

// Returns nullopt if the encoding is not supported; `problem_with_encoding` is then the message.
std::optional<ContentEncoding> content_encoding(const boost::beast::http::fields& head);
std::string problem_with_encoding(const boost::beast::http::fields& head);

}  // namespace pyexec
