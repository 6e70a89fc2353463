#!/usr/bin/env bash
# Installs the section [run] in a container image, without what left_out.txt names, and writes down what came of it.
# usage: install_in_image.sh current|locked
#   current: the versions that the archive has now. locked: exactly those of packages.lock, or none.
# The record: /usr/share/pyexec/packages.lock, NAME=VERSION a line, the base image's packages too.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
versions=${1:?usage: install_in_image.sh current|locked}
lock=$here/packages.lock

rows() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"; }

leave_out() {  # after Debian's hooks have compiled what they find: in the same layer, so that none of it is in the image
  local when path
  rows "$here/left_out.txt" | while IFS='|' read -r when path _; do
    read -r when <<<"$when"
    read -r path <<<"$path"
    if [ "$when" != always ] && rows "$here/packages.txt" | grep -qx -- "$when"; then continue; fi
    find / -xdev -path "$path" -prune -print0 | xargs -0 -r rm -rf --
  done
}

install_locked() {
  local row name version known missing=()
  apt-get update -q
  for row in $(rows "$lock"); do
    name=${row%%=*} version=${row#*=}
    [ "$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null || true)" != "$version" ] || continue
    known=$(apt-cache madison "$name" | awk -F'|' '{ gsub(/ /, "", $2); print $2 }')
    grep -qxF -- "$version" <<<"$known" || missing+=("$name $version (it has: $(paste -sd' ' <<<"${known:-nothing}"))")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    printf 'install_in_image.sh: the archive does not have what packages.lock names: %s\n' "${missing[@]}" >&2
    echo "Renew the lock (python_env/packages/lock.sh --renew), or build with an archive of that day." >&2
    return 1
  fi
  # shellcheck disable=SC2046  # names and versions have no blanks
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --allow-downgrades $(rows "$lock")
}

case $versions in
  current | locked) ;;
  *) echo "install_in_image.sh: PACKAGES is current or locked, not: $versions" >&2; exit 2 ;;
esac
if [ "$versions" = locked ]; then install_locked; fi
"$here/install_packages.sh" run  # after a lock: what it lacks is an error below
mkdir -p /usr/share/pyexec
dpkg-query -W -f '${Package}=${Version}\n' | LC_ALL=C sort >/usr/share/pyexec/packages.lock
if [ "$versions" = locked ] && ! diff <(rows "$lock" | LC_ALL=C sort) /usr/share/pyexec/packages.lock >&2; then
  echo "install_in_image.sh: packages.lock (<) and what there is (>) differ" >&2
  exit 1
fi
leave_out
ldconfig
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/apt /var/log/*.log
