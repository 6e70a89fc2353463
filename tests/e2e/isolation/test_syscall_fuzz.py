"""Random system calls in jails: the service answers, neighbours finish, and the host is as it was.

FUZZ_SEED and FUZZ_SECONDS: another run than the one that is always the same, or a longer one.
"""

import os
import threading
import time
from pathlib import Path

import pytest

from levels import can_have, cgroups_of, start_kind

SEED = int(os.environ.get("FUZZ_SEED", 1))
SECONDS = float(os.environ.get("FUZZ_SECONDS", 20)) / 2  # a level
SECONDS_A_JOB = 2
LIMIT_MS = 20_000  # of a job that hangs itself up; below the patience of the test's client
FUZZERS = 2
JOB = (Path(__file__).parents[2] / "fuzz" / "syscalls" / "job.py").read_text()
NEIGHBOUR = "import time\ndef main():\n    end = time.monotonic() + {seconds}\n    while time.monotonic() < end: time.sleep(0.01)\n    return 'done'\n"
HOST_FILES = ("/", "/etc", "/etc/passwd", "/usr/lib/os-release", "/usr/bin/python3", "/usr/lib/python3", "/tmp", "/dev/null")


def state_of_host(pids):
    """What a job could spoil for good. Of files that everybody writes (/tmp, /dev/null) not the times."""
    files = {}
    for path in HOST_FILES:
        state = os.stat(path)
        times = () if path in ("/tmp", "/dev/null") else (state.st_mtime_ns,)
        files[path] = (state.st_mode, state.st_uid, state.st_gid, *times)
    limits = {pid: Path(f"/proc/{pid}/limits").read_text() for pid in pids}
    priorities = {pid: (os.getpriority(os.PRIO_PROCESS, pid), sorted(os.sched_getaffinity(pid))) for pid in pids}
    return files, limits, priorities, os.uname().nodename


def programs_that_run(programs):
    """Processes of this copy of the programs, whoever their parents are."""
    found = []
    for link in Path("/proc").glob("[0-9]*/exe"):
        try:
            if os.readlink(link).startswith(f"{programs}/"):
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found


def mounts(shm):
    return Path(f"/proc/{shm.holder.pid}/mountinfo").read_text().splitlines()


class Fuzzer(threading.Thread):
    """Sends fuzzing jobs one after another and counts the calls that they say they made."""

    def __init__(self, service, number, pids, until):
        super().__init__()
        self.service, self.number, self.pids, self.until = service, number, pids, until
        self.calls = self.jobs = 0
        self.outcomes = {}

    def run(self):
        while time.monotonic() < self.until:
            self.jobs += 1
            seed = SEED * 1_000_003 + self.number * 10_007 + self.jobs
            answer = self.service.execute(JOB.format(seed=seed, seconds=SECONDS_A_JOB, pids=self.pids))
            self.outcomes[answer.outcome] = self.outcomes.get(answer.outcome, 0) + 1
            told = [int(line) for line in answer.body.get("stdout", "").split("\n") if line.isdigit()]
            self.calls += max(told, default=0)


class Neighbour(threading.Thread):
    """Jobs that last while others fuzz."""

    def __init__(self, service, until):
        super().__init__()
        self.service, self.until, self.results = service, until, []

    def run(self):
        while not self.results or time.monotonic() < self.until:
            answer = self.service.execute(NEIGHBOUR.format(seconds=min(SECONDS, 5)))
            self.results.append(answer.body.get("result"))


def ask_until_done(service, fuzzers):
    answers = []
    while any(fuzzer.is_alive() for fuzzer in fuzzers):
        answers.append(service.execute("def main(): return 6 * 7"))
    return answers


@pytest.mark.parametrize("kind", ["root", "root-2"])
def test_random_calls_harm_nobody(kind, programs, shm):
    if os.geteuid() != 0 or not can_have(kind, programs):
        pytest.skip(f"{kind}: not on this host, or not as this user")
    mounted, clock = mounts(shm), time.time() - time.monotonic()
    with start_kind(kind, programs, shm, timeout_ms=LIMIT_MS, pool=FUZZERS + 2, running=FUZZERS + 2) as service:
        pids = [service.process.pid, service.launcher_pid(), service.zygote_pid(), os.getpid()]
        before = state_of_host(pids)
        until = time.monotonic() + SECONDS
        neighbour = Neighbour(service, until)
        fuzzers = [Fuzzer(service, number, pids, until) for number in range(FUZZERS)]
        for thread in (neighbour, *fuzzers):
            thread.start()
        answers = ask_until_done(service, fuzzers)
        for thread in (neighbour, *fuzzers):
            thread.join()
        calls, outcomes = sum(fuzzer.calls for fuzzer in fuzzers), [fuzzer.outcomes for fuzzer in fuzzers]
        print(f"{kind}: level {service.level}, seed {SEED}, {calls} calls, {outcomes}, {len(answers)} answers beside")
        assert calls > 0
        assert [answer.body for answer in answers] == [{"result": 42, "stdout": ""}] * len(answers) and answers
        assert neighbour.results == ["done"] * len(neighbour.results) and neighbour.results
        assert sum(sum(seen.values()) for seen in outcomes) == sum(fuzzer.jobs for fuzzer in fuzzers)  # each was answered
        assert "internal" not in set().union(*outcomes)
        assert [service.process.pid, service.launcher_pid(), service.zygote_pid(), os.getpid()] == pids
        assert service.health()["pool"]["zygote_starts"] == 1
        assert state_of_host(pids) == before
        server = service.process.pid
    service.wait_until(lambda: not programs_that_run(programs))
    assert (mounts(shm), shm.list(), cgroups_of(server)) == (mounted, [], [])
    assert abs(time.time() - time.monotonic() - clock) < 1
