// The one file that knows which Catch2 this is: version 2 is one header, version 3 many.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define PYEXEC_CATCH_CONTAINS Catch::Matchers::ContainsSubstring
#else
#include <catch2/catch.hpp>
#define PYEXEC_CATCH_CONTAINS Catch::Matchers::Contains
#endif

#include <string>

namespace pyexec::test {

// For CHECK_THAT: a text that holds `part`.
inline auto contains(const std::string& part) {
  return PYEXEC_CATCH_CONTAINS(part);
}

}  // namespace pyexec::test
#undef PYEXEC_CATCH_CONTAINS
