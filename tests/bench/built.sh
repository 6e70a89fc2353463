# Sourced by what measures: installs and builds what is needed, and says where in $BUILD_DIR.
# Needs $groups: those of python_env/packages/packages.txt.
# shellcheck shell=bash disable=SC2154

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
"$root/python_env/packages/install_packages.sh" "${groups[@]}"
export BUILD_DIR="${BUILD_DIR:-$root/build}"
cmake -S "$root" -B "$BUILD_DIR" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_BENCH=ON >/dev/null
cmake --build "$BUILD_DIR" >/dev/null
