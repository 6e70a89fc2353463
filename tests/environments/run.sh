#!/usr/bin/env bash
# Runs the service where it says it works, and attacks it there: on this machine, and in containers of a Docker engine
# of its own (engine.sh). The environment "image" is of the image itself (check_image.py). usage: run.sh [NAME...]
# Has to be root. BUILD_DIR has the programs for this machine; PYEXEC_CACHE keeps what was downloaded.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
BUILD_DIR=${BUILD_DIR:-$root/build}
PYEXEC_CACHE=${PYEXEC_CACHE:-$root/build/environments}

ours="--security-opt seccomp=$root/cloudrun/pyexec-seccomp.json"
# name | where: native or a runtime of the engine | least level | arguments: of setpriv, of docker run
# PUBLISHED is -p, with a network of the container's own; without it the container has the engine's. PRIVILEGED is
# --privileged, or what comes near it.
environments="
image                 | runc           | - |
native-root           | native         | 4 |
native-user           | native         | 3 | --reuid 1000 --regid 1000 --clear-groups
docker-root           | runc           | 2 |
docker-user           | runc           | 1 | --user 1000:1000
docker-published      | runc           | 2 | PUBLISHED
docker-published-user | runc           | 1 | PUBLISHED --user 1000:1000
docker-privileged     | runc           | 4 | PRIVILEGED
docker-profile-root   | runc           | 3 | $ours
docker-profile-user   | runc           | 3 | $ours --user 1000:1000
docker-restricted     | runc           | 3 | $ours --user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges
gvisor-root           | runsc-trixie   | 3 |
gvisor-user           | runsc-trixie   | 3 | --user 1000:1000
gvisor-published      | runsc-trixie   | 3 | PUBLISHED
gvisor-2022-root      | runsc-bookworm | 2 |
"
# Long, for attacks that make hundreds of processes in gVisor: one that is cut off has no verdict. A small pool: two
# cores start it quickly.
knobs=(PYEXEC_TIMEOUT_MS=60000 PYEXEC_POOL=4)
start_seconds=90
work=
victim=
server=

say() { printf '%s\n' "$*" >&2; }
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

# shellcheck source-path=SCRIPTDIR source=engine.sh
. "$root/tests/environments/engine.sh"

declare -A running=()  # what is checked beside others: the name, by the process

clean_up() {
  set +e
  for pid in "${!running[@]}"; do  # its children are the service, what attacks aim at, and the check
    pkill -TERM -P "$pid"
    end_process "$pid"
  done
  end_process "$server"
  end_process "$victim"
  stop_engine
  if [ -n "$work" ]; then
    awk -v under="$work/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l
    rm -rf --one-file-system "$work"
  fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# --- one environment ---

# Each environment has ports of its own to try, below those that clients get: the one beside it has many.
free_port() {  # name
  python3 - "$(grep -n "^$1 " <<<"$environments" | cut -d: -f1)" <<'PYTHON'
import contextlib
import socket
import sys

first = 20000 + 100 * int(sys.argv[1])
for port in range(first, first + 100):
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        print(port)
        break
PYTHON
}
answers() { "${there[@]}" python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=2)' "$1" >/dev/null 2>&1; }
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
      if [ -n "$server" ]; then cat "$work/$1.log" >&2; else docker logs "$1" >&2; fi
      return 1
    fi
    sleep 0.2
  done
}

start_native() {  # name, port, arguments of setpriv
  # shellcheck disable=SC2206  # words
  local as=(env -i PATH=/usr/bin:/bin setpriv $3)
  [ -n "$3" ] || as=(env -i PATH=/usr/bin:/bin)
  "${as[@]}" env "${knobs[@]}" PYEXEC_PORT="$2" "$work/bin/pyexec-server" >"$work/$name.log" 2>&1 &
  server=$!
  # What attacks aim at belongs to the server's own user: nothing but the jail protects it.
  "${as[@]}" env SECRET="$secret" sleep 3600 &
  victim=$!
  targets=(--victim-pid "$victim")
}

start_container() {  # name, port, runtime, arguments of docker run
  local arguments=$4 variables=() reached=(--network host --env PYEXEC_ADDRESS=127.0.0.1 --env "PYEXEC_PORT=$2")
  if [[ $arguments == PUBLISHED* ]]; then arguments=${arguments#PUBLISHED} reached=(--publish "127.0.0.1:$2:8080"); fi
  if [ "$arguments" = PRIVILEGED ]; then arguments=$(privileged_arguments); fi
  for knob in "${knobs[@]}"; do variables+=(--env "$knob"); done
  # shellcheck disable=SC2086  # words
  docker run --detach --name "$1" --runtime "$3" "${reached[@]}" "${variables[@]}" $arguments pyexec >"$work/$1.log" 2>&1 ||
    { cat "$work/$1.log" >&2; return 1; }
}

plant_targets() {  # in a container
  docker exec --detach --env SECRET="$secret" "$1" \
    sh -c 'cd /tmp; [ -w . ] || cd /dev/shm; printf %s "$SECRET" >secret && echo "$$ $PWD" >/dev/shm/victim && exec sleep 3600'
  local pid='' folder=''
  for _ in $(seq 50); do
    read -r pid folder < <(docker exec "$1" cat /dev/shm/victim 2>/dev/null) && break
    sleep 0.2
  done
  targets=(--victim-pid "${pid:?no process could be started in $1}" --secret-file "$folder/secret")
}

check() {  # name; prints its row
  local name=$1 where least arguments port url expected remark=
  where=$(field "$name" 2) least=$(field "$name" 3) arguments=$(field "$name" 4)
  port=$(free_port "$name") secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  url=http://127.0.0.1:$port expected=$least there=()
  if [ "$where" != native ]; then there=(nsenter --target "$network" --net); fi
  if [ "$name" = image ]; then check_image; return; fi
  if [ "$where" = native ]; then
    start_native "$name" "$port" "$arguments"
    wait_until_it_serves "$name" "$url" || return 1
  else
    start_container "$name" "$port" "$where" "$arguments" || return 1
    wait_until_it_serves "$name" "$url" || return 1
    plant_targets "$name" || return 1
    if [ "$least" = 4 ] && ! docker exec "$name" sh -c 'for d in /sys/fs/cgroup /sys/fs/cgroup/memory; do
        mkdir $d/pyexec-try 2>/dev/null && rmdir $d/pyexec-try && [ -e $d/cgroup.procs ] && exit; done; exit 1'; then
      expected=3 remark="level 3 is enough: its control groups are read-only"
    fi
  fi
  local report
  report=$("${there[@]}" python3 "$root/tests/environments/check_url.py" "$url" --secret "$secret" "${targets[@]}") || return 1
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

check_image() {
  "${there[@]}" env DOCKER_HOST="unix://$work/docker.sock" /usr/bin/python3 -B "$root/tests/environments/check_image.py" pyexec
}

check_and_stop() {  # name
  local status=0
  check "$1" || status=1
  stop "$1"
  return $status
}

wait_for_one() {
  local pid status=0
  wait -n -p pid "${!running[@]}" || status=$?
  [ $status = 0 ] || failed+=("${running[$pid]}")
  unset "running[$pid]"
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
  [ "$(field "$name" 2)" = native ] || continue
  install -m 0755 -D -t "$work/bin" "$BUILD_DIR/pyexec-server" "$BUILD_DIR/pyexec-worker"
  chmod 0755 "$work/bin"
  break
done
for name in "${names[@]}"; do
  if [ "$(field "$name" 2)" != native ]; then
    start_engine
    break
  fi
done
printf '%-22s%6s%10s%9s%9s%11s%9s\n' environment level expected attacks blocked succeeded seeds
failed=()
# Two at a time: much of it is waiting. The image by itself: its start is timed.
for name in "${names[@]}"; do
  if [ "$name" = image ]; then
    check_and_stop image || failed+=(image)
    continue
  fi
  [ ${#running[@]} -lt 2 ] || wait_for_one
  (trap - EXIT INT TERM HUP; check_and_stop "$name") &
  running[$!]=$name
done
while [ ${#running[@]} -gt 0 ]; do wait_for_one; done
if [ ${#failed[@]} -gt 0 ]; then
  say "failed: ${failed[*]}"
  exit 1
fi
