// What a cell's text tells without Python. Pure.
#pragma once

#include <string_view>

namespace pyexec {

// Returns whether the text is a definition of `main` and nothing else: its first line begins one,
// and all others are indented, blank or comments. Nobody would call that function, so it is a
// script that was sent in the wrong field.
bool only_defines_main(std::string_view code);

}  // namespace pyexec
