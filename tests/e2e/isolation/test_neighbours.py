"""What one job, or another service on the host, can do to the others: nothing."""

import concurrent.futures
import os
import signal
import subprocess

import pytest

from levels import can_have_level_4, start_kind
from request_parts import result_of

SLEEPS = "import time\ndef main():\n    time.sleep({seconds})\n    return 'done'\n"


# Memory of a slot


FILL = """
import os, subprocess
def main():
    for directory in ("/tmp", "/dev/shm"):
        os.mkdir(directory + "/d")
        for i in range(4000):
            os.close(os.open(f"{directory}/d/{i}", os.O_CREAT | os.O_WRONLY))
    fillers = [subprocess.Popen(f"exec /usr/bin/head -c 99000000 /dev/zero > {directory}/{i}", shell=True)
               for directory in ("/tmp", "/dev/shm") for i in range(2)]
    return [filler.wait() for filler in fillers]
"""


def test_files_that_a_job_leaves_in_memory_are_not_the_next_ones(programs, shm):
    if not can_have_level_4(programs):
        pytest.skip("this host lets no control group be made")
    with start_kind("root", programs, shm, memory_mb=64, timeout_ms=20000, pool=3) as service:
        assert service.level == 4
        with concurrent.futures.ThreadPoolExecutor(3) as executor:
            filling = [executor.submit(service.execute, FILL) for _ in range(12)]
            while not all(job.done() for job in filling):
                assert result_of(service, "def main(): return 1") == 1
        assert {job.result().outcome for job in filling} <= {"memory_limit", "ok"}
        pool = service.health()["pool"]
        assert (pool["zygote_starts"], pool["worker_failures"]) == (1, 0)


def slots_of(service):
    return [int(pid) for pid in subprocess.check_output(
        ["pgrep", "-P", str(service.zygote_pid()), "-x", "pyexec-slot"]).split()]


def test_a_slot_that_is_lost_is_lost_alone(programs, shm):
    if not can_have_level_4(programs):
        pytest.skip("this host lets no control group be made")
    with start_kind("root", programs, shm, timeout_ms=20000, pool=3) as service, \
            concurrent.futures.ThreadPoolExecutor(2) as executor:
        zygote = service.zygote_pid()
        neighbours = [executor.submit(service.execute, SLEEPS.format(seconds=5)) for _ in range(2)]
        service.wait_until(lambda: service.health()["pool"]["running"] == 2)
        # Waits for its worker's end, not for a job's.
        lost = slots_of(service)[0]
        os.kill(lost, signal.SIGKILL)
        outcomes = [job.result().outcome for job in neighbours]
        assert outcomes.count("ok") >= 1 and set(outcomes) <= {"ok", "memory_limit"}, outcomes
        service.wait_until(lambda: service.health()["pool"]["ready"] == 3)
        assert service.zygote_pid() == zygote and lost not in slots_of(service)
        assert [result_of(service, "def main(): return 1") for _ in range(8)] == [1] * 8


# The processor


SESSION = "import os\ndef main():\n    if os.fork() == 0:\n        os.setsid()\n        os._exit(7)\n    return os.waitstatus_to_exitcode(os.wait()[1])\n"


def test_a_session_is_no_further_share_of_the_processor(programs, shm):
    """Where no control group shares it out, the kernel does so by sessions."""
    by_sessions = open("/proc/sys/kernel/sched_autogroup_enabled").read().strip() == "1"
    with start_kind("root-3", programs, shm) as service:
        has_sessions = service.health()["isolation"]["features"]["sessions"]
        assert has_sessions != by_sessions
        assert result_of(service, SESSION) == (7 if has_sessions else 1)
    if can_have_level_4(programs):
        with start_kind("root", programs, shm) as service:
            assert service.health()["isolation"]["features"]["sessions"]
            assert result_of(service, SESSION) == 7


# Threads


@pytest.mark.parametrize("kind", ["root", "root-3", "root-2", "root-1"])
def test_many_threads_that_hold_little_take_little_memory(programs, shm, kind):
    script = """
import threading
from concurrent.futures import ThreadPoolExecutor
def main():
    gate = threading.Barrier(64)
    def hold(n):
        rows = [str(n) * 20 for _ in range(2000)]
        gate.wait()
        return len(rows)
    with ThreadPoolExecutor(64) as pool:
        return sum(pool.map(hold, range(64)))
"""
    with start_kind(kind, programs, shm, timeout_ms=20000) as service:
        answer = service.post({"script": script, "memory_mb": 256})
        assert answer.body.get("result") == 64 * 2000, answer
        # What is held counts all the same.
        much = "def main():\n    return len(bytearray(300 << 20))\n"
        assert service.post({"script": much, "memory_mb": 256}).outcome == "memory_limit"
