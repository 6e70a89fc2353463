#!/usr/bin/env bash
# Builds what is needed, and puts load on one instance, and on three behind nginx that are restarted meanwhile.
# Needs root. Flags: load.sh --help.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
"$root/python_env/install_packages.sh" run build load
build="${BUILD_DIR:-$root/build}"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_BENCH=ON >/dev/null
cmake --build "$build" >/dev/null
BUILD_DIR="$build" exec /usr/bin/python3 -B "$root/tests/load/load.py" "$@"
