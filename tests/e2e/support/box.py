"""A place for programs that may do to their surroundings whatever a broken jail lets them: namespaces of mounts,
processes, host name and System V objects, a /tmp and a /dev/shm, and control groups, that are thrown away.

A test calls `run_in_box(file, *arguments)`: that file runs as a program, as pid 1 of the box, and what it prints as
JSON in its last line comes back. It begins with `enter()`.
"""

import contextlib
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

BUILD = Path(os.environ.get("BUILD_DIR", Path(__file__).resolve().parents[3] / "build"))
BUILD_INSIDE = Path("/mnt")  # every user can reach it, wherever the build directory is
NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts")


def own_groups():
    """Returns the version 1 control groups in which a service would make its own, if there are any."""
    paths = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        directory = Path(f"/sys/fs/cgroup/{controllers}{path}")
        if controllers in ("memory", "pids") and not (directory / "cgroup.procs").exists():
            directory = Path(f"/sys/fs/cgroup/{controllers}")
        if controllers in ("memory", "pids"):
            paths.append(directory)
    return paths


def remove_groups(groups):
    for group in groups:
        for path in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                path.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()


def run_in_box(file, *arguments, seconds=600):
    groups = [group / f"box-{os.getpid()}-{random.randrange(1 << 30)}" for group in own_groups()]
    command = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--mount-proc", "--kill-child",
               sys.executable, "-B", file, ":".join(map(str, groups)), *map(str, arguments)]
    try:
        for group in groups:
            with contextlib.suppress(OSError):
                group.mkdir()
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    finally:
        time.sleep(0.05)
        remove_groups(groups)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def remove_stale_groups():
    """Removes the groups that a killed service has left in this box."""
    for group in filter(None, sys.argv[1].split(":")):
        for stale in Path(group).glob("pyexec-*"):
            remove_groups([stale])


def enter():
    for group in filter(None, sys.argv[1].split(":")):
        with contextlib.suppress(OSError):
            Path(group, "cgroup.procs").write_text(str(os.getpid()))
    subprocess.run(["mount", "--bind", BUILD, BUILD_INSIDE], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "box", "/tmp"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777,size=1g", "box", "/dev/shm"], check=True)
    # If these were low already, a test could not see that nobody lowered them.
    for limit in (resource.RLIMIT_SIGPENDING, resource.RLIMIT_MSGQUEUE, resource.RLIMIT_NICE, resource.RLIMIT_RTPRIO,
                  resource.RLIMIT_MEMLOCK, resource.RLIMIT_CORE):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (9999, 9999))
    # Process ids that no process in a jail has by chance.
    with contextlib.suppress(OSError):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(random.randrange(3000, 20000)))


# The first uid of all ranges, and the number of uids in a range (sandbox/layers/uid_range.cc).
FIRST_UID, RANGE = 0x70000000, 65538


def relative(value):
    """Returns a value that is the same for every range of uids a service may get."""
    if isinstance(value, dict):
        return {key: relative(one) for key, one in value.items()}
    if isinstance(value, list):
        return [relative(one) for one in value]
    if isinstance(value, int) and value >= FIRST_UID:
        return f"uid {(value - FIRST_UID) % RANGE}"
    if isinstance(value, str):
        return re.sub(r"\b\d{10}\b", lambda found: str(relative(int(found[0]))), value)
    return value


def processes():
    """Returns all living processes but the caller."""
    found = []
    for entry in Path("/proc").iterdir():
        pid = int(entry.name) if entry.name.isdigit() else os.getpid()
        if pid != os.getpid() and state_of(pid) not in (None, "Z", "X"):
            found.append(pid)
    return sorted(found)


def status_of(pid):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {key: " ".join(value.split()) for key, value in (line.split(":", 1) for line in lines)}


def state_of(pid):
    return status_of(pid).get("State", " ")[0].strip() or None


def look_at(pid):
    """What can be said of a process from outside, without what differs from run to run; {} if it is ending."""
    seen = {}
    with contextlib.suppress(OSError):
        seen = _look_at(pid)
    return {} if is_ending(pid) else seen


def reap_children():
    """Reaps every child that has ended. Does not wait for one that has not."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def is_ending(pid):
    """What is left of an ending process is no longer what the job had."""
    exiting = 0x4  # PF_EXITING, <linux/sched.h>
    try:
        return bool(int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[6]) & exiting)
    except OSError:
        return True


def _look_at(pid):
    status = status_of(pid)
    seen = {key: status.get(key) for key in ("Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
                                             "Seccomp", "Seccomp_filters", "Threads", "SigBlk", "SigCgt")}
    for key in ("Uid", "Gid"):
        # A job's own; the first two of a range are the holder's and the front end's (plan.h).
        seen[key] = " ".join("own" if int(n) >= FIRST_UID and (int(n) - FIRST_UID) % RANGE >= 2 else n
                             for n in status.get(key, "").split())
    for kind in NAMESPACES:
        seen[kind] = "own" if os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/1/ns/{kind}") else "shared"
    seen["oom_score_adj"] = Path(f"/proc/{pid}/oom_score_adj").read_text().strip()
    seen["grouped"] = sorted(line.split(":")[1] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
                             if "/slot-" in line)
    mounts = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        point, flags = left.split()[4:6]
        kind, _, options = right.split()[:3]
        if kind == "tmpfs":
            mounts.append(f"{point} {flags} {kind} {options}")
        else:
            mounts.append(f"{point} {flags} {kind}")
    seen["mounts"] = mounts if seen["mnt"] == "own" else "shared"
    return seen
