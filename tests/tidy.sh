#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy, of which each is an error, over all sources or those that are named. Files
# that are compiled as one are checked as one: most of the time goes into headers.
# usage: tests/tidy.sh [FILE.cc...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Without precompiled headers: they are g++'s.
cmake -S . -B build-tidy -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_PCH=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
cmake --build build-tidy --target pyexec_texts >/dev/null
files=("$@")
[ $# -gt 0 ] || mapfile -t files < <(find sandbox worker server -name '*.cc' | sort)
compiled() {  # the file that includes this one, or itself
  grep -lF "\"$PWD/$1\"" build-tidy/CMakeFiles/*/Unity/*.cxx || echo "$1"
}
for file in "${files[@]}"; do compiled "$file"; done | sort -u | xargs -P "$(nproc)" -n 1 clang-tidy -p build-tidy --quiet \
  --checks=-bugprone-suspicious-include --extra-arg=-Wno-unknown-warning-option \
  --extra-arg=-Wno-ambiguous-reversed-operator
