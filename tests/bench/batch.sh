#!/usr/bin/env bash
# Builds what is needed, and measures what a batch costs those who send single requests, and the server.
# Needs root. Flags: batch.sh --help.
set -euo pipefail
groups=(run build bench)
# shellcheck source=tests/bench/built.sh
. "$(dirname "${BASH_SOURCE[0]}")/built.sh"
exec /usr/bin/python3 -B "$root/tests/bench/batch.py" "$@"
