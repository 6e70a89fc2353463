"""Level 4: all processes of a job are bounded together."""

import concurrent.futures
import signal

import pytest

from levels import can_have_level_4, start_kind
from request_parts import result_of


@pytest.fixture(scope="module")
def full(programs, shm):
    if not can_have_level_4(programs):
        pytest.skip("this host lets no control group be made")
    with start_kind("root", programs, shm, memory_mb=128, processes=40, timeout_ms=20000, pool=3) as running:
        assert running.level == 4
        yield running


CHILDREN_THAT_HOLD_MEMORY = """
import os, time
def make(count, mebibytes, seconds):
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            held = b"x" * (mebibytes << 20)
            time.sleep(seconds)
            os._exit(0)
        pids.append(pid)
    return pids
def main():
"""


NEIGHBOUR = """
import time
def main():
    held = b"x" * (80 << 20)
    time.sleep(3)
    return len(held)
"""


def test_the_memory_of_all_processes_of_a_job_is_bounded(full):
    script = CHILDREN_THAT_HOLD_MEMORY + "    return [os.waitpid(p, 0)[1] for p in make(10, 100, 2)]"
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        greedy = executor.submit(full.execute, script)
        neighbour = executor.submit(result_of, full, NEIGHBOUR)
        answer = greedy.result()
        assert neighbour.result() == 80 << 20
    assert answer.outcome in ("ok", "memory_limit"), answer
    if answer.outcome == "ok":
        statuses = answer.body["result"]
        assert statuses.count(signal.SIGKILL) >= 1 and set(statuses) <= {0, signal.SIGKILL}, statuses
    assert result_of(full, "def main(): return 1") == 1


def test_a_worker_that_is_killed_for_memory_has_met_its_memory_limit(full):
    # The children hold all there is; the kernel takes the largest process, which the worker now becomes.
    script = CHILDREN_THAT_HOLD_MEMORY + """
    make(36, 30, 10)
    time.sleep(1.5)
    own = [b"x" * (1 << 20) for _ in range(110)]
    return "alive"
"""
    answer = full.execute(script)
    assert (answer.status, answer.outcome) == (422, "memory_limit"), answer
    assert result_of(full, "def main(): return 1") == 1
    assert full.health()["pool"]["zygote_starts"] == 1


def test_a_bound_met_by_one_job_is_not_the_next_ones(full):
    for _ in range(8):  # more than there are slots
        assert result_of(full, "def main(): return len(b'x' * (80 << 20))") == 80 << 20


def test_processes_are_bounded_for_the_whole_job(full):
    script = """
import os, time
def main():
    made = 0
    try:
        while made < 80:
            if os.fork() == 0:
                time.sleep(100)
                os._exit(0)
            made += 1
    except OSError as error:
        return [made, type(error).__name__]
    return [made, None]
"""
    made, error = result_of(full, script)
    assert made == 40 and error == "BlockingIOError"


def test_a_pool_whose_processes_are_killed_for_memory_is_a_memory_limit(full):
    script = """
import multiprocessing, time
def hold(n):
    held = b"x" * (100 << 20)
    time.sleep(1)
    return len(held)
def main():
    with multiprocessing.Pool(6) as pool:
        return len(pool.map(hold, range(6)))
"""
    answer = full.post({"script": script, "timeout_ms": 4000})
    assert (answer.outcome, answer.body["error"]) == ("memory_limit", "memory limit exceeded: 128 MiB (memory_mb)"), answer
    answer = full.post({"script": script.replace("100 << 20", "1 << 20").replace("return len(pool", "pool.map(time.sleep, [100]); return len(pool"), "timeout_ms": 2500})
    assert answer.outcome == "time_limit", answer
