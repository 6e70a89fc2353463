#!/usr/bin/env bash
# Builds what is needed, measures pyexec beside what one could do instead, writes tables, JSON and a plot.
# Needs root. Flags: bench.sh --help.
set -euo pipefail
groups=(run build bench)
# shellcheck source=tests/bench/built.sh
. "$(dirname "${BASH_SOURCE[0]}")/built.sh"
exec /usr/bin/python3 -B "$root/tests/bench/bench.py" "$@"
