#!/usr/bin/env bash
# Builds what is needed, and puts load on one instance, and on three behind nginx that are restarted meanwhile.
# Needs root. Flags: load.sh --help.
set -euo pipefail
groups=(run build load)
# shellcheck source=tests/bench/built.sh
. "$(dirname "${BASH_SOURCE[0]}")/../bench/built.sh"
exec /usr/bin/python3 -B "$root/tests/load/load.py" "$@"
