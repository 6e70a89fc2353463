#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy, of which each is an error, over all sources or those that are named.
# usage: tests/tidy.sh [FILE.cc...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Without precompiled headers: they are g++'s.
cmake -S . -B build-tidy -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_PCH=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
cmake --build build-tidy --target generated/document_texts.h >/dev/null
files=("$@")
[ $# -gt 0 ] || mapfile -t files < <(find sandbox worker server -name '*.cc' | sort)
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy -p build-tidy --quiet --extra-arg=-Wno-unknown-warning-option
