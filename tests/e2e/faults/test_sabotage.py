"""Calls that say they succeeded and did nothing, in the whole service. None may go unnoticed: the start is refused, or
a lower level is shown, or the jail is, from inside and from outside, what it is without the sabotage.

The lies are in tests/support/saboteur.c, which stands between pyexec-worker and libc. Each is told in a box of its own
(box.py): a jail that is none does what it does there.
"""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import box  # noqa: E402
from sabotages import SABOTAGES, WAYS  # noqa: E402
from service import Service  # noqa: E402

SLOW = {"clone3_pid": "the launcher waits for it a minute"}
# These wait for what does not come, up to a minute, and need no processor for it: beside the others.
WAIT = ("kill", "close_range", "setns_pid", "pidfd_send_signal", "setns")
# Each lie once; SABOTAGE_EVERY=1 in the environment: in every way that it can be told, which takes ten minutes.
EVERY = os.environ.get("SABOTAGE_EVERY") == "1"
CASES = [(name, way, same.get(way)) for name, ways, same in SABOTAGES if EVERY or name not in SLOW
         for way in (ways if EVERY else ways[:1])]

VIEW = r"""
import ctypes, os, resource, stat, struct
libc = ctypes.CDLL(None, use_errno=True)
def attempt(act):
    try: return act()
    except OSError as error: return f"errno {error.errno}"
def prctl(*arguments):
    result = libc.prctl(*[ctypes.c_ulong(a) for a in arguments + (0,) * (5 - len(arguments))])
    return result if result >= 0 else f"errno {ctypes.get_errno()}"
def capget():
    header, data = struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    return data.raw.hex() if libc.syscall(125, header, data) == 0 else f"errno {ctypes.get_errno()}"
def opens(path, flags):
    fd = os.open(path, flags, 0o600)
    os.close(fd)
    if flags & os.O_CREAT: os.unlink(path)
    return "yes"
def main():
    own = lambda ids: ["own" if i >= 0x70000002 else i for i in ids]
    scratch = os.environ.get("TMPDIR", "/tmp")
    kinds = {}
    for fd in range(256):
        try: kinds[fd] = oct(stat.S_IFMT(os.fstat(fd).st_mode))
        except OSError: pass
    view = {
        "uid": own(os.getresuid()), "gid": own(os.getresgid()), "groups": own(os.getgroups()), "caps": capget(),
        "bounding": [prctl(23, i) for i in range(41)], "no_new_privs": prctl(39), "seccomp": prctl(21),
        "dumpable": prctl(3), "host": os.uname().nodename, "fds": kinds, "cwd": attempt(os.getcwd),
        "limits": {i: resource.getrlimit(i) for i in range(16) if i != resource.RLIMIT_AS},
        "address_space_bounded": resource.getrlimit(resource.RLIMIT_AS)[1] < 1 << 32,
        "pid": os.getpid() if os.getpid() < 10 else "large",
        "alone": attempt(lambda: os.getsid(0) == os.getpid()),
        "listing": {d: attempt(lambda: sorted(os.listdir(d))) for d in
                    ("/", "/dev", "/etc", "/home", "/root", "/proc")},
        "read": {p: attempt(lambda: opens(p, os.O_RDONLY)) for p in ("/etc/passwd", "/proc/1/environ", "/etc/shadow",
                 "/sys/kernel", "/usr/lib/os-release", "/dev/null", "/dev/shm", "/tmp")},
        "write": {p: attempt(lambda: opens(p + "/view", os.O_WRONLY | os.O_CREAT)) for p in ("", "/etc", "/usr/lib",
                  "/usr/bin", "/dev", "/var/tmp", "/usr", scratch)},
    }
    for path in ("/tmp", "/dev/shm"):
        names = ("f_blocks", "f_files", "f_flag", "f_frsize")
        view["file system " + path] = attempt(lambda: [getattr(os.statvfs(path), k) for k in names])
    view = {k.replace(scratch, "scratch"): v for k, v in view.items()}
    view["write"] = {k.replace(scratch, "scratch"): v for k, v in view["write"].items()}
    return view
"""
ENDLESS = """
import threading
def main():
    threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()
    while True: pass
"""


# ---- in the box


def make_programs(who, lie):
    programs = Path("/tmp/programs")
    programs.mkdir()
    drop = "setpriv --reuid 1000 --regid 1000 --clear-groups " if who == "user" else "setpriv --groups 4,20 "
    (programs / "pyexec-server").write_text(f"#!/bin/sh\nexec {drop}{box.BUILD_INSIDE}/pyexec-server\n")
    (programs / "pyexec-worker").write_text(
        f"#!/bin/sh\nexport LD_PRELOAD={box.BUILD_INSIDE}/libsaboteur.so SABOTAGE={lie}\n"
        f"exec {box.BUILD_INSIDE}/pyexec-worker\n"
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    return programs


def jailed_processes():
    """Workers have a filter; so have the server, and what children it has made are not workers."""
    found = []
    for pid in box.processes():
        status = box.status_of(pid)
        if status.get("Seccomp") == "2" and status.get("Name") != "pyexec-server":
            found.append(pid)
    return found


def helpers():
    """Who is beside the worker: what it could gain by taking them over."""
    rows = []
    for pid in box.processes():
        status = box.status_of(pid)
        if status.get("Name") in ("pyexec-jailer", "pyexec-reaper", "pyexec-slot"):
            rows.append(" ".join(str(status.get(key)) for key in ("Name", "Uid", "CapEff", "CapBnd", "NoNewPrivs")))
    return sorted(set(rows))


def live(who, level, lie):
    box.enter()
    programs = make_programs(who, lie)
    began = time.monotonic()
    knobs = {"worker": programs / "pyexec-worker", "max_level": level, "pool": 1, "running": 1, "timeout_ms": 5000}
    try:
        running = Service(command=(programs / "pyexec-server",), **knobs)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        left = wait_for(lambda: not box.processes(), 20)
        seconds = time.monotonic() - began
        return {"refused": str(error).strip()[-600:], "seconds": seconds, "left_after_refusal": not left}
    isolation = running.health()["isolation"]
    running.wait_full()
    parked = jailed_processes()
    result = {key: isolation[key] for key in ("level", "jail", "selftest")}
    result |= {"outside": box.look_at(parked[0]) if parked else None, "helpers": helpers()}
    answer = running.execute(VIEW)
    result["inside"] = answer.body.get("result", answer.body)
    before = set(jailed_processes())
    result["ended"] = running.post({"script": ENDLESS, "timeout_ms": 300}).outcome
    # Nobody of the two jobs is left soon after the answer.
    result["cleaned"] = wait_for(lambda: not before & set(jailed_processes()) and len(jailed_processes()) <= 1, 10)
    old = set(jailed_processes())
    os.kill(running.zygote_pid(), signal.SIGKILL)
    result["dies_with_zygote"] = wait_for(lambda: not old & set(jailed_processes()), 10)
    result["exit"] = running.stop()
    result["left"] = not wait_for(lambda: not box.processes(), 20)
    result["seconds"] = time.monotonic() - began
    return result


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        box.reap_children()
        time.sleep(0.01)
    return True


# ---- in the test

PARTS = ("jail", "inside", "outside", "helpers", "ended", "cleaned", "dies_with_zygote", "exit", "left")
plain_lives = {}


def live_in_box(way, lie):
    who, level = WAYS[way]
    return box.relative(box.run_in_box(__file__, who, level, lie, seconds=240))


@pytest.fixture(scope="module")
def waiting(request):
    """The lives with those lies of WAIT that are to be tried, begun at once."""
    tried = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    with ThreadPoolExecutor(len(WAIT)) as pool:
        yield {(one["lie"], one["way"]): pool.submit(live_in_box, one["way"], one["lie"])
               for one in tried if one.get("lie") in WAIT}


def plain(way, lie="none"):
    if (way, lie) not in plain_lives:
        plain_lives[way, lie] = live_in_box(way, lie)
    return plain_lives[way, lie]


# How an honest host comes to make its jails so: the same level by other means, weighed in sandbox/plan/plan.cc.
OTHER_JAILS = {
    "six namespaces, made as host root": "refuse_mknod",
    "six namespaces, inside a user namespace with one id": "refuse_setresuid",
    "six namespaces, made by the worker's forefathers": "refuse_setns",
}


def differences(one, other, path=""):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif one != other:
        yield f"{path[1:]}: {one} -> {other}"


def verdict(way, after):
    """What became of a sabotage: refused; lower; other: the jail of another host at this level; same; or unnoticed."""
    before = plain(way)
    if "refused" in after:
        return "refused", after["refused"]
    if after["level"] < before["level"]:
        return "lower", f"level {after['level']}: {after['jail']}"
    word = "same"
    if after["jail"] != before["jail"] and after["jail"] in OTHER_JAILS:
        word, before = "other", plain(way, OTHER_JAILS[after["jail"]])
    changed = list(differences({part: before.get(part) for part in PARTS}, {part: after[part] for part in PARTS}))
    if after["selftest"]["blocked"] != after["selftest"]["run"]:
        changed.append(f"selftest: {after['selftest']}")
    return ("unnoticed", "; ".join(changed)) if changed else (word, after["jail"])


@pytest.mark.parametrize("way", WAYS)
def test_without_sabotage_the_service_is_what_it_says(way):
    before = plain(way)
    assert "refused" not in before, before
    assert before["level"] == int(way[-1]) or (way == "root4" and before["level"] == 3)  # a host without control groups
    assert before["cleaned"] and before["exit"] == 0 and not before["left"]
    assert verdict(way, live_in_box(way, "none"))[0] == "same"


@pytest.mark.parametrize(
    ("lie", "way", "makes_up"), CASES, ids=[f"{lie.replace('/', '-')}-{way}" for lie, way, _ in CASES]
)
def test_no_lie_goes_unnoticed(waiting, lie, way, makes_up):
    life = waiting[lie, way].result() if (lie, way) in waiting else live_in_box(way, lie)
    outcome, text = verdict(way, life)
    print(f"{lie} at {way}: {outcome}: {text}")
    if makes_up is None:
        assert outcome in ("refused", "lower", "other"), f"{outcome}: {text}"
    else:
        assert outcome in ("refused", "lower", "other", "same"), f"{outcome}: {text}"


if __name__ == "__main__":
    who, level, lie = sys.argv[2:]
    print(json.dumps(live(who, int(level), lie)))
