#!/usr/bin/env bash
# Runs the service where it says it works, and attacks it there: on this machine, and in containers of a Docker engine
# of its own. usage: run.sh [NAME...]
# Has to be root. BUILD_DIR has the programs for this machine; PYEXEC_CACHE keeps what was downloaded.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
BUILD_DIR=${BUILD_DIR:-$root/build}
PYEXEC_CACHE=${PYEXEC_CACHE:-$root/build/environments}

ours="--security-opt seccomp=$root/cloudrun/pyexec-seccomp.json"
# name | where: native or a runtime of the engine | least level | arguments: of setpriv, of docker run
environments="
native-root           | native         | 4 |
native-user           | native         | 3 | --reuid 1000 --regid 1000 --clear-groups
docker-root           | runc           | 2 |
docker-user           | runc           | 1 | --user 1000:1000
docker-privileged     | runc           | 4 | PRIVILEGED
docker-profile-root   | runc           | 3 | $ours
docker-profile-user   | runc           | 3 | $ours --user 1000:1000
gvisor-root           | runsc-trixie   | 3 |
gvisor-user           | runsc-trixie   | 3 | --user 1000:1000
gvisor-2022-root      | runsc-bookworm | 2 |
"
# Short, for the examples that run into it; long enough for gVisor. A small pool: two cores start it quickly.
knobs=(PYEXEC_ADDRESS=127.0.0.1 PYEXEC_TIMEOUT_MS=10000 PYEXEC_POOL=4)
start_seconds=90
# What --privileged asks for, where the host itself has not every capability (a virtual machine, say).
stand_in="--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"

work=
victim=
server=
dockerd=
cgroup=/pyexec-environments-$$

say() { printf '%s\n' "$*" >&2; }
docker() { DOCKER_BUILDKIT=0 command docker --host "unix://$work/docker.sock" "$@"; }
field() { awk -F'|' -v name="$1" -v column="$2" '{ gsub(/^ +| +$/, "", $1) } $1 == name {
  gsub(/^ +| +$/, "", $column); print $column }' <<<"$environments"; }

# --- what has to go again ---

end_process() {  # of ours, by its id: asked first
  [ -n "$1" ] || return 0
  kill "$1" 2>/dev/null || return 0
  for _ in $(seq 150); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
}

clean_up() {
  set +e
  end_process "$server"
  end_process "$victim"
  if [ -n "$dockerd" ]; then
    containers=$(docker ps -aq 2>/dev/null)
    [ -z "$containers" ] || docker rm -f $containers >/dev/null 2>&1
    containerd=$(cat "$work/exec/containerd/containerd.pid" 2>/dev/null)
    end_process "$dockerd"
    end_process "$containerd"
    find /sys/fs/cgroup -depth -type d -path "/sys/fs/cgroup*$cgroup*" -exec rmdir {} + 2>/dev/null
  fi
  if [ -n "$work" ]; then
    awk -v under="$work/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l
    rm -rf --one-file-system "$work"
  fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# --- what is downloaded once ---

mirror() {  # the one that apt uses on this machine
  local release
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  apt-get indextargets --format '$(SITE) $(RELEASE)' | awk -v r="$release" '$2 == r { print $1; exit }'
}

fetch_base_image() {
  [ ! -f "$PYEXEC_CACHE/trixie.tar" ] || return 0
  say "making a base image with debootstrap"
  debootstrap --variant=minbase trixie "$work/trixie" "$(mirror)" >"$work/debootstrap.log" 2>&1 ||
    { tail -20 "$work/debootstrap.log" >&2; return 1; }
  rm -rf "$work"/trixie/var/lib/apt/lists/* "$work"/trixie/var/cache/apt/archives/*.deb
  tar -C "$work/trixie" -cf "$PYEXEC_CACHE/trixie.tar.new" .
  mv "$PYEXEC_CACHE/trixie.tar.new" "$PYEXEC_CACHE/trixie.tar"
}

fetch_runsc() {  # of a Debian release, whichever this machine runs: one static file out of the package
  local release=$1 dir=$work/runsc-$1
  [ ! -x "$PYEXEC_CACHE/runsc-$release" ] || return 0
  say "fetching runsc of $release"
  mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $release main" >"$dir/sources.list"
  local apt=(apt-get -q -o Dir::State="$dir/state" -o Dir::Cache="$dir/cache"
    -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root)
  (cd "$dir" && "${apt[@]}" update && "${apt[@]}" download runsc && dpkg-deb -x runsc_*.deb .) >"$dir/log" 2>&1 ||
    { cat "$dir/log" >&2; return 1; }
  install -m 0755 "$dir/usr/bin/runsc" "$PYEXEC_CACHE/runsc-$release"
}

# --- the engine ---

start_engine() {
  fetch_base_image
  fetch_runsc trixie
  fetch_runsc bookworm
  cat >"$work/daemon.json" <<JSON
{"runtimes": {
  "runsc-trixie": {"path": "$PYEXEC_CACHE/runsc-trixie", "runtimeArgs": ["--network=host", "--platform=systrap"]},
  "runsc-bookworm": {"path": "$PYEXEC_CACHE/runsc-bookworm", "runtimeArgs": ["--network=host", "--platform=ptrace"]}}}
JSON
  # No bridge, no packet filter: nothing on this machine changes. Containers use its network; the service, loopback.
  dockerd --config-file "$work/daemon.json" --host "unix://$work/docker.sock" --pidfile "$work/docker.pid" \
    --data-root "$work/data" --exec-root "$work/exec" --storage-driver vfs --cgroup-parent "$cgroup" \
    --bridge none --iptables=false --ip6tables=false --ip-forward=false >"$work/dockerd.log" 2>&1 &
  dockerd=$!
  local deadline=$((SECONDS + start_seconds))
  until docker info >/dev/null 2>&1; do
    if ! kill -0 "$dockerd" 2>/dev/null || [ $SECONDS -gt $deadline ]; then
      tail -20 "$work/dockerd.log" >&2
      return 1
    fi
    sleep 0.2
  done
  docker import - debian:trixie-slim <"$PYEXEC_CACHE/trixie.tar" >/dev/null
  say "building the image"
  docker build --network host -t pyexec "$root" >"$work/build.log" 2>&1 || { tail -40 "$work/build.log" >&2; return 1; }
}

privileged_arguments() {
  local all=$(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1))
  if [ $((16#$(awk '/^CapBnd/ { print $2 }' /proc/self/status))) = $all ]; then echo --privileged
  else echo "$stand_in"
  fi
}

# --- one environment ---

free_port() { python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'; }
answers() { python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=2)' "$1" >/dev/null 2>&1; }
alive() {
  if [ -n "$server" ]; then kill -0 "$server" 2>/dev/null
  else [ "$(docker inspect -f '{{.State.Running}}' "$1")" = true ]
  fi
}

wait_until_it_serves() {  # name, URL
  local deadline=$((SECONDS + start_seconds))
  until answers "$2/healthz"; do
    if ! alive "$1" || [ $SECONDS -gt $deadline ]; then
      say "$1: does not serve; its log:"
      if [ -n "$server" ]; then cat "$work/server.log" >&2; else docker logs "$1" >&2; fi
      return 1
    fi
    sleep 0.2
  done
}

start_native() {  # name, port, arguments of setpriv
  local as=(env -i PATH=/usr/bin:/bin setpriv $3)
  [ -n "$3" ] || as=(env -i PATH=/usr/bin:/bin)
  install -m 0755 -D -t "$work/bin" "$BUILD_DIR/pyexec-server" "$BUILD_DIR/pyexec-worker"
  chmod 0755 "$work/bin"
  "${as[@]}" env "${knobs[@]}" PYEXEC_PORT="$2" "$work/bin/pyexec-server" >"$work/server.log" 2>&1 &
  server=$!
  # What attacks aim at belongs to the server's own user: nothing but the jail protects it.
  "${as[@]}" env SECRET="$secret" sleep 3600 &
  victim=$!
  targets=(--victim-pid "$victim")
}

start_container() {  # name, port, runtime, arguments of docker run
  local variables=()
  for knob in "${knobs[@]}" "PYEXEC_PORT=$2"; do variables+=(--env "$knob"); done
  docker run --detach --name "$1" --runtime "$3" --network host "${variables[@]}" $4 pyexec >"$work/run.log" 2>&1 ||
    { cat "$work/run.log" >&2; return 1; }
}

plant_targets() {  # in a container
  docker exec --detach --env SECRET="$secret" "$1" \
    sh -c 'printf %s "$SECRET" >/tmp/secret && echo $$ >/tmp/victim && exec sleep 3600'
  local pid=
  for _ in $(seq 50); do
    pid=$(docker exec "$1" cat /tmp/victim 2>/dev/null) && [ -n "$pid" ] && break
    sleep 0.2
  done
  targets=(--victim-pid "${pid:?no process could be started in $1}" --secret-file /tmp/secret)
}

check() {  # name; prints its row
  local name=$1 where least arguments port url expected remark=
  where=$(field "$name" 2) least=$(field "$name" 3) arguments=$(field "$name" 4)
  port=$(free_port) secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  url=http://127.0.0.1:$port expected=$least
  if [ "$where" = native ]; then
    start_native "$name" "$port" "$arguments"
    wait_until_it_serves "$name" "$url" || return 1
  else
    [ "$arguments" != PRIVILEGED ] || arguments=$(privileged_arguments)
    start_container "$name" "$port" "$where" "$arguments" || return 1
    wait_until_it_serves "$name" "$url" || return 1
    plant_targets "$name" || return 1
    if [ "$least" = 4 ] && ! docker exec "$name" sh -c 'for d in /sys/fs/cgroup /sys/fs/cgroup/memory; do
        mkdir $d/pyexec-try 2>/dev/null && rmdir $d/pyexec-try && [ -e $d/cgroup.procs ] && exit; done; exit 1'; then
      expected=3 remark="level 3 is enough: its control groups are read-only"
    fi
  fi
  local report
  report=$(python3 "$root/tests/environments/check_url.py" "$url" --secret "$secret" "${targets[@]}") || return 1
  python3 - "$name" "$expected" "$remark" "$report" <<'PYTHON'
import json
import sys

name, expected, remark, report = *sys.argv[1:4], json.loads(sys.argv[4])
r = report
seeds = f"{r['passed']}/{r['seeds']}"
counts = f"{r['attacks']:>9}{r['blocked']:>9}{r['succeeded']:>11}"
print(f"{name:<22}{r['level']:>6}{expected:>10}{counts}{seeds:>9}  {remark}", flush=True)
for not_promised in r["not_promised"]:
    print("    not promised here:", not_promised, flush=True)
for failure in r["failures"]:
    print("   ", failure, file=sys.stderr)
if r["level"] < int(expected):
    print(f"    level {r['level']} is less than {expected}", file=sys.stderr)
sys.exit(bool(r["failures"]) or r["level"] < int(expected) or not r["attacks"])
PYTHON
}

stop() {  # name
  end_process "$server"
  end_process "$victim"
  [ -n "$server" ] || docker rm -f "$1" >/dev/null 2>&1 || true
  server='' victim=''
}

[ "$(id -u)" = 0 ] || { say "run.sh: has to be root, for a Docker engine of its own"; exit 2; }
names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(awk -F'|' 'NF > 1 { gsub(/ /, "", $1); print $1 }' <<<"$environments")
for name in "${names[@]}"; do
  [ -n "$(field "$name" 2)" ] || { say "run.sh: no environment $name"; exit 2; }
done
mkdir -p "$PYEXEC_CACHE"
PYEXEC_CACHE=$(cd "$PYEXEC_CACHE" && pwd)
work=$(mktemp -d)
chmod 0711 "$work"  # the other user runs a program in it

for name in "${names[@]}"; do
  if [ "$(field "$name" 2)" != native ]; then
    start_engine
    break
  fi
done
printf '%-22s%6s%10s%9s%9s%11s%9s\n' environment level expected attacks blocked succeeded seeds
failed=()
for name in "${names[@]}"; do
  check "$name" || failed+=("$name")
  stop "$name"
done
if [ ${#failed[@]} -gt 0 ]; then
  say "failed: ${failed[*]}"
  exit 1
fi
