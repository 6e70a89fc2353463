#!/usr/bin/env bash
# Installs what is missing, builds a release, serves on $PORT (default 8080). Flags go to pyexec-server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python_env/packages/install_packages.sh run build
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_TESTS=OFF >build.log 2>&1 || { cat build.log >&2; exit 1; }
cmake --build build --target pyexec-server pyexec-worker >>build.log 2>&1 || { cat build.log >&2; exit 1; }
# Making namespaces with several users in them takes root.
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then
  exec sudo --preserve-env="$(compgen -e | grep -E '^(PORT$|PYEXEC_)' | paste -sd, -)" build/pyexec-server "$@"
fi
exec build/pyexec-server "$@"
