#!/usr/bin/env bash
# Builds what is needed, and keeps one instance under mixed load for a while: does anything grow?
# Needs root. Flags: soak.sh --help.
set -euo pipefail
groups=(run build load)
# shellcheck source=tests/bench/built.sh
. "$(dirname "${BASH_SOURCE[0]}")/../bench/built.sh"
exec /usr/bin/python3 -B "$root/tests/load/soak.py" "$@"
