#!/usr/bin/env bash
# Latency and peak throughput of pyexec beside one jailed Python per request. Flags: latency.sh --help.
set -euo pipefail
exec /usr/bin/python3 -B "$(dirname "${BASH_SOURCE[0]}")/latency.py" "$@"
