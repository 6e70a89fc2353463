#!/usr/bin/env bash
# Compares the packages that an image holds with packages.lock, or makes the lock anew from it.
# usage: lock.sh [--renew] IMAGE|FILE   FILE holds what is in an image's /usr/share/pyexec/packages.lock
# "<" is in the lock, ">" in the image. Exit code 1: they differ.
set -euo pipefail
lock=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/packages.lock
renew=
if [ "${1:-}" = --renew ]; then renew=yes; shift; fi
[ $# = 1 ] || { echo "usage: lock.sh [--renew] IMAGE|FILE" >&2; exit 2; }

if [ -e "$1" ]; then held=$(cat "$1")
else held=$(docker run --rm --network none --entrypoint cat "$1" /usr/share/pyexec/packages.lock)
fi
if ! grep -q '^python3-numpy=' <<<"$held" || grep -qvE '^[a-z0-9][a-z0-9.+-]*=[A-Za-z0-9.+:~-]+$' <<<"$held"; then
  echo "lock.sh: $1 holds no list of packages" >&2
  exit 2
fi
if [ -n "$renew" ]; then
  { sed -n '/^#/p' "$lock"; printf '%s\n' "$held"; } >"$lock.new"
  mv "$lock.new" "$lock"
fi
diff <(sed '/^#/d' "$lock") <(printf '%s\n' "$held")
