#!/usr/bin/env bash
# Installs what is missing of the named sections of packages.txt. usage: install_packages.sh SECTION...
# Needs root or sudo only if something is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else echo "install_packages.sh: needs root or sudo to run: $*" >&2; return 1
  fi
}

# Packages of daemons start them as they are installed, unless this file says no (exit code 101), and at each boot
# because of a link.
wants=/etc/systemd/system/multi-user.target.wants
links() { ls "$wants" 2>/dev/null || true; }

forbid_daemons() {
  if [ -e /usr/sbin/policy-rc.d ]; then return; fi
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
  as_root chmod 755 /usr/sbin/policy-rc.d
}

missing=()
updated=
release=$(sed -n 's/^VERSION_ID="\?\([0-9]*\).*/\1/p' /etc/os-release)
release=${release:-0}
for section in "$@"; do
  rows=$(awk -v wanted="[$section]" '/^\[/ { on = ($0 == wanted); next } on && NF && !/^#/' "$here/packages.txt")
  [ -n "$rows" ] || { echo "install_packages.sh: no section [$section] in packages.txt" >&2; exit 2; }
  for row in $rows; do
    if [[ $row == command:*=* ]]; then
      command=${row#command:}
      if command -v "${command%%=*}" >/dev/null; then continue; fi
      row=${row#*=}
    fi
    if [[ $row == since:*=* ]]; then
      since=${row#since:}
      if [ "$release" -lt "${since%%=*}" ]; then continue; fi
      row=${row#*=}
    fi
    IFS='|' read -ra choices <<<"$row"
    for choice in "${choices[@]}"; do
      if installed "$choice"; then continue 2; fi
    done
    if [ -z "$updated" ]; then as_root apt-get update -q >&2; updated=yes; fi
    for choice in "${choices[@]}"; do
      if [ -n "$(apt-cache policy "$choice" | sed -n 's/^  Candidate: \(.*\)/\1/p' | grep -v '(none)')" ]; then
        missing+=("$choice")
        continue 2
      fi
    done
    echo "install_packages.sh: this Debian release has none of: $row" >&2
    exit 1
  done
done
[ ${#missing[@]} -eq 0 ] && exit
forbid_daemons
links_before=$(links)
DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
for link in $(comm -13 <(echo "$links_before") <(links)); do as_root rm -f "$wants/$link"; done
