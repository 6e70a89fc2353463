"""Every call that sets up a jail fails in turn. Either no user code runs, and the step is named; or the failure changes
nothing that can be seen of the jail, from inside or from outside. Nothing hangs, nothing stays behind.

pyexec-one-jail (tests/jail/one_jail.cc) makes a jail without Python; tests/support/saboteur.c makes its calls fail. A
call is named by the process that makes it and how many it has made before. The calls of two processes at a time are in
no order, those of one are.
"""

import contextlib
import errno
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import box  # noqa: E402

# Row of sandbox/plan/plan.cc, and what else the driver is told. What a host cannot do is left out when it says so unharmed.
AS_ROOT = (["0"], ["0", "cgroup"], ["1"], ["2"], ["3"], ["4"], ["6"], ["8"])
AS_USER = (["3"], ["4"], ["8"])
CASES = [("root", one) for one in AS_ROOT] + [("user", one) for one in AS_USER]
ERRNOS = (errno.EPERM, errno.ENOMEM)
# Of a call by itself every other one with the first, the rest with the second, and the other way round in the next row
# of the plan, which makes nearly the same calls; a name always with both. INJECTION_EVERY=1 in the environment: each
# call with both, which takes twice as long.
EVERY = os.environ.get("INJECTION_EVERY") == "1"
RUN_SECONDS = 20
END_SECONDS = 5
ENTRY = struct.Struct("24s32si")
FEWEST_POINTS = 100
LOOPS = ("readlinkat", "symlink", "prctl.23", "prctl.24")  # files of a directory, capabilities
# Rows of the plan, the call, what is said of it, and why it may.
LET_THROUGH = (
    ("4", r"setrlimit\.(11|12|13|14)", "another jail", "gVisor refuses these; the filter makes up (limits.cc)"),
    ("4", r"open", "oom_score_adj: 1000 -> 0$", "a host without the file; no layer of the jail"),
    ("23", r"waitpid", "said nothing", "the process outside the outer user namespace ends without a word, and takes it along"),
    ("68", r"rmdir", "hung", "no directory can ever be removed: remove_tree goes round a million times"),
    ("0", r".*", r"jail: grouped: \['cpu', 'memory', 'pids'\] -> \['memory', 'pids'\]( \[set up: ok\])?$",
     "the kernel then shares by sessions, and a job begins none (plan.h)"),
    ("0", r"kill|setpgid|waitpid", "left", "the trial of the control groups could not be ended; it ends by itself"),
)
OF_OTHERS = ("Name", "Uid", "CapInh", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs")


# ---- in the box


class Run:
    """One run of the driver: what it said, what its worker looked like, which calls it made, what it left."""

    def __init__(self, who, arguments, fault=None):
        log = Path("/tmp/saboteur.log")
        log.unlink(missing_ok=True)
        environment = {"LD_PRELOAD": str(box.BUILD_INSIDE / "libsaboteur.so"), "SABOTEUR_LOG": str(log)}
        if fault:
            environment["SABOTEUR_FAULT"] = fault
        other = {"user": 1000, "group": 1000, "extra_groups": []} if who == "user" else {}
        process = subprocess.Popen(
            [box.BUILD_INSIDE / "pyexec-one-jail", *arguments], env=environment, cwd="/", stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **other,
        )
        self.hung, self.outside, self.said = False, None, ""
        self.read(process)
        process.stdin.close()
        try:
            process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.hung = True
            process.kill()
            process.wait()
        process.stdout.close()
        self.left = self.clean_up()
        box.remove_stale_groups()
        raw = log.read_bytes()
        self.fired, count = struct.unpack_from("ii", raw)
        self.points = []
        for label, name, number in ENTRY.iter_unpack(raw[8:8 + min(count, 4096) * ENTRY.size]):
            self.points.append((label.split(b"\0")[0].decode(), number, name.split(b"\0")[0].decode()))
        lines = self.said.splitlines()
        self.inside = box.relative(next((line for line in lines if line.startswith("user code ran")), None))
        self.outside = box.relative(self.outside)
        self.result = next((line for line in lines if line.startswith("set up: ")), None)

    def read(self, process):
        deadline = time.monotonic() + RUN_SECONDS
        out = process.stdout.fileno()
        while True:
            if not select.select([out], [], [], max(0, deadline - time.monotonic()))[0]:
                self.hung = True
                process.kill()
                return
            text = os.read(out, 1 << 16)
            if not text:
                return
            self.said += text.decode()
            if self.outside is None and "user code ran" in self.said and self.said.endswith("\n"):
                self.outside = self.look()
                process.stdin.close()
            if "set up: " in self.said:
                return  # who is left may hold the pipe

    @staticmethod
    def look():
        """The worker; and of who else is there what a job could gain by taking it over."""
        seen, others = {}, []
        for pid in box.processes():
            status = box.status_of(pid)
            if status.get("Name") == "one-jail-user":
                seen = box.look_at(pid)
            elif status.get("Name") not in ("pyexec-one-jail", None) and not box.is_ending(pid):
                others.append(" ".join(str(status.get(key)) for key in OF_OTHERS))
        return seen | {"others": sorted(others)}

    @staticmethod
    def clean_up():
        """Names of processes that were still there long after the driver's end."""
        deadline = time.monotonic() + END_SECONDS
        while True:
            box.reap_children()
            left = box.processes()
            if not left:
                return []
            if time.monotonic() > deadline:
                break
            time.sleep(0.001)
        names = [box.status_of(pid).get("Name") for pid in left]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return names

    def view(self):
        return [self.inside, self.outside]


def difference(one, other):
    pairs = zip((one.inside or "").split(), (other.inside or "").split(), strict=False)
    words = [f"{a} -> {b}" for a, b in pairs if a != b]
    outside = [f"{key}: {one.outside.get(key)} -> {(other.outside or {}).get(key)}" for key in one.outside or {}
               if one.outside.get(key) != (other.outside or {}).get(key)]
    return "; ".join(words + outside)[:600]


def is_narrower(run, plain):
    """Whether all that is different is that files cannot be opened, or are not there: what a host lacks is left out."""
    words = list(zip(plain.inside.split(), run.inside.split(), strict=False))
    files = all(a == b or (a.endswith("=0") and b.split("=")[0] == a.split("=")[0]) for a, b in words)
    if len(plain.inside.split()) != len(run.inside.split()) or not files:
        return False
    if "mounts" not in run.outside:
        return True  # its supervisor has ended it already
    gone = {key: value for key, value in plain.outside.items() if key not in ("mounts", "others")}
    kept = {key: value for key, value in run.outside.items() if key not in ("mounts", "others")}
    if not set(run.outside["others"]) <= set(plain.outside["others"]):
        return False
    mounts = run.outside["mounts"] == "shared" or set(run.outside["mounts"]) <= set(plain.outside["mounts"])
    return mounts and gone == kept


def problem_of(run, plain):
    if run.hung:
        return "hung"
    if run.left:
        return f"left {run.left}"
    if run.inside is not None and run.view() != plain.view() and not is_narrower(run, plain):
        return f"user code ran in another jail: {difference(plain, run)}"
    if run.result is None:
        return "said nothing"
    if run.inside is None and run.result == "set up: ok":
        return "set up without user code"
    return None


def is_let_through(arguments, name, problem):
    return any(arguments[0] in rows and re.fullmatch(names, name) and re.search(pattern, problem)
               for rows, names, pattern, _ in LET_THROUGH)


def sampled(points):
    """All; but of what loops over many files or capabilities call, only the first, the last and some between."""
    by_name = {}
    for label, number, name in sorted(set(points)):
        by_name.setdefault((label, name), []).append((label, number, name))
    for (_, name), same in by_name.items():
        if name in LOOPS and len(same) > 8:
            same = same[:2] + same[2:-2:len(same) // 4] + same[-2:]
        yield from same


def faults_of(points, turn):
    """Each call by itself, then every call of a name; with the error numbers that it fails with. turn: the first's."""
    for place, (label, number, name) in enumerate(sampled(points), turn):
        yield name, f"{label}:{number}", ERRNOS if EVERY else (ERRNOS[place % len(ERRNOS)],)
    for name in sorted({name for _, _, name in points}):
        yield name, f":{name}", ERRNOS


def beyond(points, without):
    """Points of a jail in control groups, but for calls in the jail that one without them makes as well: those fail in
    turn there. The jail is made by the last child of the driver."""
    maker, other = (max((label for label, _, _ in all_of if label.count(".") == 1), key=lambda label: int(label[2:])) + "."
                    for all_of in (points, without))
    common = Counter((label.removeprefix(other), name) for label, _, name in set(without) if label.startswith(other))
    for label, number, name in sorted(set(points)):
        key = label.removeprefix(maker), name
        if label.startswith(maker) and common[key] > 0:
            common[key] -= 1
        else:
            yield label, number, name


def inject(who, arguments, turn):
    plain = Run(who, arguments)
    if plain.result != "set up: ok":
        return {"unable": plain.result}
    again = Run(who, arguments)
    assert plain.view() == again.view(), difference(plain, again)
    points = plain.points
    if "cgroup" in arguments:
        points = list(beyond(points, Run(who, [one for one in arguments if one != "cgroup"]).points))
    counts, problems, tolerated, steps = Counter(), [], Counter(), Counter()
    for name, fault, errnos in faults_of(points, turn):
        for number in errnos:
            run = Run(who, arguments, f"{fault}:{number}")
            counts["runs"] += 1
            kind = "not reached" if run.fired == 0 else "refused" if run.inside is None else "tolerated"
            counts[kind] += 1
            if kind == "tolerated":
                tolerated[name] += 1
            if kind == "refused":
                steps[(run.result or "set up: nothing").split()[2].split("[")[0]] += 1
            problem = problem_of(run, plain)
            if problem and is_let_through(arguments, name, problem):
                counts["let through"] += 1
            elif problem:
                problems.append(f"{name} ({fault}) {errno.errorcode[number]}: {problem} [{run.result}]")
    return {"points": len(set(points)), "counts": counts, "problems": problems, "tolerated": tolerated, "steps": steps}


# ---- in the test


@pytest.mark.parametrize(("who", "arguments"), CASES, ids=[f"{who}-{'-'.join(one)}" for who, one in CASES])
def test_every_call_fails_in_turn(who, arguments):
    found = box.run_in_box(__file__, who, json.dumps(arguments), CASES.index((who, arguments)))
    if "unable" in found:
        pytest.skip(f"this host makes no such jail: {found['unable']}")
    print(json.dumps(found, indent=1))
    assert found["problems"] == []
    assert found["points"] >= (30 if "cgroup" in arguments else FEWEST_POINTS)
    assert found["counts"]["refused"] > found["counts"]["tolerated"] or "cgroup" in arguments


if __name__ == "__main__":
    box.enter()
    print(json.dumps(inject(sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]))))
