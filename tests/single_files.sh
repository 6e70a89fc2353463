#!/usr/bin/env bash
# Compiles each file of server/ by itself. The build compiles several as one (PYEXEC_UNITY), and so overlooks what a file
# has only from the one before it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake -S . -B build-single -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_UNITY=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
cmake --build build-single --target pyexec_asio pyexec_texts >/dev/null  # precompiled headers, and those that are made
/usr/bin/python3 -B - "$PWD/server/" <<'EOF' | xargs -d '\n' -P "$(nproc)" -I '{}' bash -c 'cd build-single && {}'
import json, sys
commands = [one["command"] for one in json.load(open("build-single/compile_commands.json")) if one["file"].startswith(sys.argv[1])]
assert len(commands) > 100, "these are not all files of server/"
print(*(command.replace(" -c ", " -fsyntax-only -c ") for command in commands), sep="\n")
EOF
