#!/usr/bin/env bash
# The unit tests, and the end-to-end tests that send the server strange things, under AddressSanitizer and
# UndefinedBehaviorSanitizer; the log, which has a thread of its own, under ThreadSanitizer. Needs build/pyexec-worker.
# Not inlined, so that what inlined library code reads beyond a buffer is seen too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

configure() {
  # Not Debug: its -g would come after -g1, and takes a quarter longer.
  cmake -S . -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=None -DPYEXEC_TESTS=ON -DPYEXEC_WERROR=OFF \
    -DCMAKE_CXX_FLAGS="-O1 -fno-inline -g1 -fno-sanitize-recover=all $2" >/dev/null
}

configure build-sanitize "-fsanitize=address,undefined"
cmake --build build-sanitize --target unit-tests pyexec-server
ctest --test-dir build-sanitize --no-tests=error --output-on-failure -j "$(nproc)" -L unit

# A worker limits its address space, in which AddressSanitizer has no room: it is the one of build/.
cp build/pyexec-worker build-sanitize/
# Leaks are no fault of a process that ends itself at once, and looking for them wants ptrace. What was freed is kept for
# less long than by default: tests measure the server's memory.
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16
ctest --test-dir build-sanitize --no-tests=error --output-on-failure -j "$(((3 * $(nproc) + 1) / 2))" \
  -R '^e2e\.(contract|api|input|manners|result|verbose|forms|displays|assets|jobs|batch|large|live|clients|access|queue|sessions|checkpoints|session_attacks|templates|tools|mcp|mcp_tool)$'

configure build-threads "-fsanitize=thread"
cmake --build build-threads --target pyexec-unit-telemetry
exec ctest --test-dir build-threads --no-tests=error --output-on-failure -R '^unit\.log$'
