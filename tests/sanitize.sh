#!/usr/bin/env bash
# The unit tests under AddressSanitizer and UndefinedBehaviorSanitizer. Not inlined, so that what inlined
# library code reads beyond a buffer is seen too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake -S . -B build-sanitize -G Ninja -DCMAKE_BUILD_TYPE=Debug -DPYEXEC_TESTS=ON \
  -DCMAKE_CXX_FLAGS="-O1 -fno-inline -g0 -fsanitize=address,undefined -fno-sanitize-recover=all" >/dev/null
cmake --build build-sanitize --target unit-tests
exec ctest --test-dir build-sanitize --output-on-failure -L unit
