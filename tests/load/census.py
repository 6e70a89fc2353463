"""What there is of a service: memory and descriptors of its lasting processes, and kernel objects."""

import contextlib
import glob
import os
import re
import time
from pathlib import Path

LASTING = ("server", "launcher", "zygote", "jailer")
SLAB_CACHES = ("net_namespace", "pid_namespace", "user_namespace", "mnt_cache", "task_struct", "pid")
NAMESPACES = ("net", "mnt", "pid", "user")


def parents():
    """{pid: (parent, name, state)} of every process that there is."""
    out = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            begin, rest = Path(stat).read_text().rsplit(")", 1)
        except OSError:
            continue
        pid, name = begin.split(" (", 1)
        state, parent = rest.split()[:2]
        out[int(pid)] = (int(parent), name, state)
    return out


def family(server_pid, all_processes):
    """The pids of the server and of all below it."""
    children = {}
    for pid, (parent, _, _) in all_processes.items():
        children.setdefault(parent, []).append(pid)
    found, todo = [], [server_pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def lasting(server_pid, all_processes):
    """The oldest of each kind: jailers and zygotes fork others of the same name."""
    out = {}
    for kind in LASTING:
        pids = [pid for pid in family(server_pid, all_processes)
                if all_processes.get(pid, (0, "", ""))[1] == f"pyexec-{kind}" and all_processes[pid][2] != "Z"]
        if pids:
            out[kind] = min(pids, key=lambda pid: start_time(pid))
    return out


def start_time(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    except OSError:
        return 1 << 62


def memory(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1]) for name in ("Rss", "Pss", "Anonymous", "Private_Clean", "Private_Dirty")}


def cgroups_of(pids):
    """Control groups that are named after one of these, and those below them."""
    names = {f"pyexec-{pid}" for pid in pids}
    found = [path for path in glob.glob("/sys/fs/cgroup/**/pyexec-*/", recursive=True) if Path(path).name in names]
    return sum(1 + len(glob.glob(f"{path}/*/")) for path in found)


def of_services():
    """The pids of all services that run, whoever started them, and of all below them."""
    everybody = parents()
    servers = [pid for pid, (_, name, _) in everybody.items() if name == "pyexec-server"]
    return {pid for server in servers for pid in family(server, everybody)}


def namespaces(but_for):
    """Of the whole machine, by kind; those that a process is in which is none of these."""
    out = {}
    for kind in NAMESPACES:
        seen = set()
        for pid in parents().keys() - but_for:
            with contextlib.suppress(OSError):
                seen.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
        out[f"{kind} namespaces of the machine"] = len(seen)
    return out


def slab():
    """Objects in use; nothing where it cannot be read."""
    out = {}
    try:
        lines = Path("/proc/slabinfo").read_text().splitlines()
    except OSError:
        return out
    for line in lines:
        name, *counts = line.split()
        if name in SLAB_CACHES:
            out[f"slab objects of the machine: {name}"] = int(counts[0])
    kib = re.search(r"^SUnreclaim:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return out | {"unreclaimable slab of the machine, KiB": int(kib[1])}


def sockets():
    text = Path("/proc/net/sockstat").read_text()
    tcp = re.search(r"^TCP: inuse (\d+) orphan (\d+)", text, re.M)
    return {"TCP sockets of the machine": int(tcp[1]), "orphaned TCP sockets of the machine": int(tcp[2]),
            "Unix sockets of the machine": len(Path("/proc/net/unix").read_text().splitlines()) - 1}


def established(port):
    """Connections that the server has on this port."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[3] == "01" and int(row[1].split(":")[1], 16) == port for row in rows)


def machine_wide(but_for=frozenset()):
    """What a service may not leave behind; others on the machine count too. but_for: pids whose namespaces do not count."""
    mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
    files = len(glob.glob("/tmp/script*") + glob.glob("/tmp/pyexec*") + glob.glob("/dev/shm/*"))
    sysv = sum(Path(f"/proc/sysvipc/{kind}").read_text().count("\n") - 1 for kind in ("shm", "sem", "msg"))
    return {"mounts of the machine": mounts, "temporary files": files, "SysV objects": sysv} | namespaces(but_for) | sockets() | slab()


def sample(server_pid, port):
    """One look; {} if a process ended meanwhile, as workers do all the time: look again."""
    everybody = parents()
    members = family(server_pid, everybody)
    names = [everybody[pid][1] for pid in members if pid in everybody]
    slots = names.count("pyexec-slot")
    out = {"processes": len(members) - slots, "slots": slots,
           "zombies": sum(everybody[pid][2] == "Z" for pid in members if pid in everybody), "control groups": cgroups_of(members)}
    connections = established(port)
    try:
        for kind, pid in lasting(server_pid, everybody).items():
            found = memory(pid)
            # The zygote has one descriptor of each slot; there are as many as were ever needed at once.
            of_its_own = sum(parent == pid and name == "pyexec-slot" for parent, name, _ in everybody.values())
            others = {"zygote": of_its_own, "server": connections}.get(kind, 0)
            out |= {f"{kind}: RSS, KiB": found["Rss"], f"{kind}: PSS, KiB": found["Pss"], f"{kind}: anonymous, KiB": found["Anonymous"],
                    f"{kind}: descriptors": len(os.listdir(f"/proc/{pid}/fd")) - others}
            if kind == "jailer":  # the only one in a mount namespace of its own
                out["jailer: mounts"] = len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    except OSError:
        return {}
    return out | {"connections": connections} | machine_wide()


def parts(server_pid):
    """Memory of an idle service: what the parked workers have for themselves, and all else, what they share with the zygote
    included. KiB."""
    everybody = parents()
    out = {"fixed": 0, "of_workers": 0, "workers": 0}
    for pid in family(server_pid, everybody):
        is_worker = everybody.get(pid, (0, "", ""))[1] == "pyexec-worker"
        with contextlib.suppress(OSError, TypeError):  # it has ended, or is a zombie, which has no memory
            found = memory(pid)
            own = found["Private_Clean"] + found["Private_Dirty"] if is_worker else 0
            out["fixed"] += found["Pss"] - own
            out["of_workers"] += own
            out["workers"] += is_worker
    return out


def look(service, seconds=5):
    deadline = time.monotonic() + seconds
    while not (found := sample(service.process.pid, service.port)):
        if time.monotonic() > deadline:
            raise SystemExit("the service's processes do not stand still long enough to be looked at")
    return found


def alive(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]
