// Builtins of Python that a script finds in another form. Runs in the zygote; what it puts there
// runs in jailed workers.
#pragma once

namespace pyexec {

// print(), as Python has it, but that a text goes to a file with its end in one write: what threads
// and processes print is not mixed within a line, and costs one system call where it cost two.
//
// open(), as Python has it, but that /dev/stdin, /dev/stdout, /dev/stderr and /dev/fd/N are the
// descriptors of these numbers: a jail has no /proc, in which those names end elsewhere.
//
// Both are functions of C, without a frame in a traceback. Throws std::runtime_error on failure.
void replace_builtins();

}  // namespace pyexec
