#!/usr/bin/env bash
# Installs what is missing, builds, runs every test: three at once for two processors: each waits a third of its time.
# Arguments go to ctest, e.g. -R unit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python_env/packages/install_packages.sh run build test
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_TESTS=ON
cmake --build build
exec ctest --test-dir build --no-tests=error --output-on-failure -j "$(((3 * $(nproc) + 1) / 2))" "$@"
