#!/usr/bin/env bash
# Builds what is needed, and measures what the server itself costs a job.
# Needs root. Flags: front_end.sh --help.
set -euo pipefail
groups=(run build bench)
# shellcheck source=tests/bench/built.sh
. "$(dirname "${BASH_SOURCE[0]}")/built.sh"
exec /usr/bin/python3 -B "$root/tests/bench/front_end.py" "$@"
