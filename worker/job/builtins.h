// Replaces some builtins of Python. Runs in the zygote; the replacements run in jailed workers.
#pragma once

namespace pyexec {

// print() is as in Python, except that a text and its end go to a file in one write: output of
// threads and processes is not mixed within a line, and costs one system call instead of two.
//
// open() is as in Python, except that /dev/stdin, /dev/stdout, /dev/stderr and /dev/fd/N are the
// descriptors of these numbers: elsewhere those names lead to /proc, which a jail does not have.
//
// Both are C functions, without a frame in a traceback. Throws std::runtime_error on failure.
void replace_builtins();

}  // namespace pyexec
