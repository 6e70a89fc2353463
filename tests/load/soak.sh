#!/usr/bin/env bash
# Builds what is needed, and keeps one instance under mixed load for a while: does anything grow?
# Needs root. Flags: soak.sh --help.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
"$root/python_env/install_packages.sh" run build load
build="${BUILD_DIR:-$root/build}"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_BENCH=ON >/dev/null
cmake --build "$build" >/dev/null
BUILD_DIR="$build" exec /usr/bin/python3 -B "$root/tests/load/soak.py" "$@"
