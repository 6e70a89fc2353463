"""The ranges of uids that services on one host share out among them.

These tests count the host's services, or take uids that any of them may get: no other service may start meanwhile, and
so they run alone (tests/CMakeLists.txt).
"""

import concurrent.futures
import os
import signal
import subprocess

import pytest

from levels import start_kind
from request_parts import result_of


def uids_of_holders():
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status") as file:
                status = file.read()
        except OSError:
            continue
        if status.startswith("Name:\tpyexec-uids\n"):
            found.add(int(status.split("\nUid:\t")[1].split()[0]))
    return found


def test_each_service_has_a_range_of_uids_of_its_own_as_long_as_it_lives(programs, shm):
    before = uids_of_holders()
    with start_kind("root", programs, shm) as one:
        first = uids_of_holders() - before
        with start_kind("root", programs, shm):
            both = uids_of_holders() - before
            assert len(first) == 1 and len(both) == 2 and first < both
        one.wait_until(lambda: uids_of_holders() - before == first)
    assert uids_of_holders() <= before


def test_a_service_whose_range_of_uids_is_lost_ends_and_the_next_one_has_it(programs, shm):
    with start_kind("root-2", programs, shm) as service:
        holders = subprocess.check_output(["pgrep", "-P", str(service.launcher_pid()), "-x", "pyexec-uids"])
        os.kill(int(holders.split()[0]), signal.SIGKILL)
        with start_kind("root-2", programs, shm) as heir:
            assert result_of(heir, "def main(): return 1") == 1
        service.wait_until(lambda: service.process.poll() is not None or service.health()["status"] != "healthy")


SLEEPS = "import time\ndef main():\n    time.sleep({seconds})\n    return 'done'\n"


@pytest.mark.parametrize("level", [2, 1])
def test_two_services_keep_their_jobs_apart(programs, shm, level):
    """At level 2 the end of a job means that nobody has its uid: of this service's own."""
    knobs = {"timeout_ms": 30000, "pool": 4}
    with start_kind(f"root-{level}", programs, shm, **knobs) as one, start_kind(
        f"root-{level}", programs, shm, **knobs
    ) as other, concurrent.futures.ThreadPoolExecutor(8) as executor:
        assert one.level == other.level == level
        long = [executor.submit(result_of, one, SLEEPS.format(seconds=5)) for _ in range(4)]
        one.wait_until(lambda: one.health()["pool"]["running"] == 4)
        short = [executor.submit(result_of, other, "def main(): return 1") for _ in range(60)]
        assert [job.result() for job in short] == [1] * 60
        assert [job.result() for job in long] == ["done"] * 4
        for service in (one, other):
            pool = service.health()["pool"]
            assert (pool["zygote_starts"], pool["worker_failures"]) == (1, 0)


FIRST_UID, RANGE, OF_JOBS = 0x70000000, 65538, 2  # sandbox/layers/uid_range.cc, sandbox/plan/plan.h


def test_uids_that_others_still_have_are_passed_over_at_the_start(programs, shm):
    """Of the first jobs, in each range that the service may get: it makes other workers, and harms nobody."""
    uids = [FIRST_UID + n * RANGE + OF_JOBS + job for n in range(4) for job in range(3)]
    others = [subprocess.Popen(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "sleep", "1000"]) for uid in uids]
    try:
        while any(os.stat(f"/proc/{other.pid}").st_uid != uid for other, uid in zip(others, uids)):
            assert all(other.poll() is None for other in others)
        with start_kind("root-2", programs, shm) as service:
            assert service.health()["pool"]["worker_failures"] > 0
            assert result_of(service, "import os\ndef main(): return os.getuid()") not in uids
            assert all(other.poll() is None for other in others)
    finally:
        for other in others:
            other.kill()
            other.wait()
