# Sourced by run.sh: a Docker engine of its own, in a network of its own, and the image built by it.
# Needs $work (a directory to use), $root, $PYEXEC_CACHE, say, end_process.
# shellcheck shell=bash disable=SC2154  # run.sh sets them

dockerd=
network=  # the process that holds the engine's network namespace
cgroup=/pyexec-environments-$$
engine_seconds=90

docker() { DOCKER_BUILDKIT=0 command docker --host "unix://$work/docker.sock" "$@"; }
in_network() { nsenter --target "$network" --net "$@"; }

# --- what is downloaded once ---

mirror() {  # the one that apt uses on this machine
  local release
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016  # apt's own names
  apt-get indextargets --format '$(SITE) $(RELEASE)' | awk -v r="$release" '$2 == r { print $1; exit }'
}

# What is published as debian:trixie-slim is made in this way too: without what is for people to read, and with dpkg set
# to leave it out of what comes later.
make_slim() {  # a root directory
  local path unread=(/usr/share/{doc,man,info,lintian,linda,locale,groff})
  for path in "${unread[@]}"; do
    echo "path-exclude $path/*"
    find "$1$path" -mindepth 1 ! -type d ! -path "$1/usr/share/doc/*/copyright" -delete 2>/dev/null || true
    find "$1$path" -mindepth 1 -type d -empty -delete 2>/dev/null || true
  done >"$1/etc/dpkg/dpkg.cfg.d/docker"
  echo 'path-include /usr/share/doc/*/copyright' >>"$1/etc/dpkg/dpkg.cfg.d/docker"
  echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
  rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old "$1"/var/log/*
}

fetch_base_image() {
  [ ! -f "$PYEXEC_CACHE/trixie-slim.tar" ] || return 0
  say "making a base image with debootstrap"
  debootstrap --variant=minbase trixie "$work/trixie" "$(mirror)" >"$work/debootstrap.log" 2>&1 ||
    { tail -20 "$work/debootstrap.log" >&2; return 1; }
  make_slim "$work/trixie"
  tar -C "$work/trixie" -cf "$PYEXEC_CACHE/trixie-slim.tar.new" .
  mv "$PYEXEC_CACHE/trixie-slim.tar.new" "$PYEXEC_CACHE/trixie-slim.tar"
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

run_dockerd() {  # command in front of it, then flags
  local before=()
  while [ "$1" != -- ]; do before+=("$1"); shift; done
  shift
  "${before[@]}" dockerd --config-file "$work/daemon.json" --host "unix://$work/docker.sock" --pidfile "$work/docker.pid" \
    --data-root "$work/data" --exec-root "$work/exec" --storage-driver "$storage" --cgroup-parent "$cgroup" \
    --iptables=false --ip6tables=false --ip-forward=false "$@" >>"$work/dockerd.log" 2>&1 &
  dockerd=$!
  local deadline=$((SECONDS + engine_seconds))
  until docker info >/dev/null 2>&1; do
    if ! kill -0 "$dockerd" 2>/dev/null || [ $SECONDS -gt $deadline ]; then
      tail -20 "$work/dockerd.log" >&2
      return 1
    fi
    sleep 0.2
  done
}

end_dockerd() {
  [ -n "$dockerd" ] || return 0
  local containerd
  containerd=$(cat "$work/exec/containerd/containerd.pid" 2>/dev/null || true)
  end_process "$dockerd"
  end_process "$containerd"
  dockerd=
}

storage_driver() {  # vfs copies a layer as a whole: slow, but works on every file system
  mkdir -p "$work"/overlay/{lower,upper,work,merged}
  if mount -t overlay overlay -o "lowerdir=$work/overlay/lower,upperdir=$work/overlay/upper,workdir=$work/overlay/work" \
    "$work/overlay/merged" 2>/dev/null; then
    umount "$work/overlay/merged"
    echo overlay2
  else echo vfs
  fi
}

# Builds with this machine's network, then serves in a namespace of its own, where there are only loopback and Docker's
# bridge: ports are published with -p for real, and nothing on this machine changes.
start_engine() {
  fetch_base_image
  fetch_runsc trixie
  fetch_runsc bookworm
  cat >"$work/daemon.json" <<JSON
{"runtimes": {
  "runsc-trixie": {"path": "$PYEXEC_CACHE/runsc-trixie", "runtimeArgs": ["--network=host", "--platform=systrap"]},
  "runsc-bookworm": {"path": "$PYEXEC_CACHE/runsc-bookworm", "runtimeArgs": ["--network=host", "--platform=ptrace"]}}}
JSON
  storage=$(storage_driver)
  run_dockerd -- --bridge none
  docker import - debian:trixie-slim <"$PYEXEC_CACHE/trixie-slim.tar" >/dev/null
  say "building the image"
  local started=$SECONDS
  docker build --network host --build-arg "VERSION=$("$root/dev" version)" --build-arg "PACKAGES=${PYEXEC_PACKAGES:-current}" -t pyexec "$root" >"$work/build.log" 2>&1 ||
    { tail -40 "$work/build.log" >&2; return 1; }
  python3 "$root/tests/environments/with_packages.py" pyexec "$work/packages"
  docker build --network host -t pyexec-packages "$work/packages" >"$work/build.log" 2>&1 || { tail -40 "$work/build.log" >&2; return 1; }
  say "built in $((SECONDS - started)) s"
  end_dockerd
  unshare --net sleep infinity &
  network=$!
  until [ "$(readlink /proc/$network/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
  in_network ip link set lo up
  run_dockerd nsenter --target "$network" --net --
}

stop_engine() {
  if [ -n "$dockerd" ]; then
    docker ps -aq 2>/dev/null | xargs -r env DOCKER_HOST="unix://$work/docker.sock" docker rm -f >/dev/null 2>&1
    end_dockerd
    find /sys/fs/cgroup -depth -type d -path "/sys/fs/cgroup*$cgroup*" -exec rmdir {} + 2>/dev/null
  fi
  end_process "$network"
  network=
}

privileged_arguments() {
  # What --privileged asks for, where the host itself has not every capability (a virtual machine, say).
  local stand_in="--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
  local all=$(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1))
  if [ $((16#$(awk '/^CapBnd/ { print $2 }' /proc/self/status))) = $all ]; then echo --privileged
  else echo "$stand_in"
  fi
}
