#!/usr/bin/env bash
# Prometheus' promtool. usage: BUILD_DIR=... promtool.sh ARGUMENT...
# The first call takes it out of Debian's package prometheus (a download of 19 MB) into BUILD_DIR: installing the package
# would start a Prometheus on this machine.
set -euo pipefail
if command -v promtool >/dev/null; then exec promtool "$@"; fi
tool=${BUILD_DIR:?}/promtool
if [ ! -x "$tool" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 0755 "$work"
  # A machine whose lists of packages are old, or that has none, gets new ones.
  (cd "$work" && { apt-get -q download prometheus || { apt-get -q update && apt-get -q download prometheus; }; } &&
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool) >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  install -m 0755 "$work/usr/bin/promtool" "$tool"
  rm -rf "$work"
fi
exec "$tool" "$@"
