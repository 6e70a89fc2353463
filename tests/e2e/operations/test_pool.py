"""The pool, its bounds, and the processes around it."""

import concurrent.futures
import ctypes
import mmap
import os
import re
import signal
import socket

import pytest

from processes import descendants_of, jailer_pid, name_of
from raw_http import open_request, start_to_sleep
from request_parts import FOREVER, OK, in_background
from service import Service
from state import pool_of
from tools import LiveRun


def test_a_taken_worker_is_replaced_while_its_job_still_runs(start):
    service = start(pool=2, timeout_ms=3000)
    future = in_background(service, FOREVER)[0]
    service.wait_until(lambda: pool_of(service)["ready"] == 2)
    assert pool_of(service)["running"] == 1
    assert future.result().outcome == "time_limit"


def test_more_jobs_than_places_are_refused_with_429(start):
    service = start(pool=2, running=2, max_queued=3, timeout_ms=6000)
    service.wait_full()  # the self-test has used a worker
    admitted = in_background(service, FOREVER, 5)
    assert (pool_of(service)["running"], pool_of(service)["waiting"]) == (2, 3)
    refused = service.execute(OK)
    assert (refused.status, refused.outcome) == (429, "busy")
    assert int(refused.headers["Retry-After"]) >= 1
    assert list(refused.body) == ["error"]
    # The deadline counts from admission: those that waited were never run, or for their last moments.
    outcomes = [f.result().outcome for f in admitted]
    assert set(outcomes) <= {"busy", "time_limit"} and outcomes.count("time_limit") >= 2
    service.wait_full()
    assert service.execute(OK).status == 200


def test_waiting_jobs_run_in_turn_when_places_become_free(start):
    service = start(pool=2, running=2, max_queued=50)
    with concurrent.futures.ThreadPoolExecutor(40) as executor:
        answers = list(executor.map(service.execute, [f"def main(): return {i}" for i in range(40)]))
    assert [a.body["result"] for a in answers] == list(range(40))


def test_the_queue_can_be_switched_off(start):
    service = start(pool=1, running=1, max_queued=0)
    running = start_to_sleep(service)
    assert service.execute(OK).status == 429
    running.close()


@pytest.mark.parametrize("how", ["close", "reset", "half close"])
def test_a_client_that_goes_away_has_its_job_killed(start, how):
    service = start(pool=1, timeout_ms=60000)
    connection = open_request(service, FOREVER)
    service.wait_until(lambda: pool_of(service)["running"] == 1)
    if how == "half close":
        connection.shutdown(socket.SHUT_WR)
    else:
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    service.wait_until(lambda: pool_of(service)["running"] == 0)
    connection.close()


def test_a_client_that_goes_away_leaves_the_queue(start):
    service = start(pool=1, running=1, timeout_ms=60000)
    running = open_request(service, FOREVER)
    service.wait_until(lambda: pool_of(service)["running"] == 1)
    waiting = open_request(service, FOREVER)
    service.wait_until(lambda: pool_of(service)["waiting"] == 1)
    waiting.close()
    service.wait_until(lambda: pool_of(service)["waiting"] == 0)
    assert pool_of(service)["running"] == 1
    running.close()


STARTED = "import time\nprint('started\\n', end='')\ndef main(): time.sleep(1000)"


def links_of(pid):
    """What its descriptors are; nothing, if it has ended meanwhile."""
    try:
        return [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def worker_pids(service):
    everybody = descendants_of(service.zygote_pid())
    return [pid for pid in everybody if name_of(pid) == "pyexec-worker"]


def test_a_parked_worker_that_is_killed_is_replaced(start):
    service = start(pool=3)
    before = worker_pids(service)
    os.kill(before[0], signal.SIGKILL)
    service.wait_until(lambda: before[0] not in worker_pids(service))
    service.wait_until(lambda: pool_of(service)["ready"] == 3)
    assert service.execute(OK).status == 200


def test_a_worker_that_is_killed_at_work_gives_one_honest_answer(start):
    service = start(pool=1)
    parked = worker_pids(service)
    with LiveRun(service, script=STARTED) as live:
        assert live.next("stdout")["text"] == "started\n"
        os.kill(parked[0], signal.SIGKILL)
        assert live.next("error")["error"] == "script was killed by signal 9 (SIGKILL)"
        end = live.next("end")
    assert (end["status"], end["outcome"]) == (422, "killed")


@pytest.mark.parametrize("who", ["zygote", "jailer"])
def test_a_zygote_that_is_killed_is_replaced(start, who):
    service = start(pool=2)
    with LiveRun(service, script=STARTED) as live:
        live.next("stdout")  # one that has not begun would be tried again
        zygote = service.zygote_pid()
        jailer = jailer_pid(service)
        old = descendants_of(service.launcher_pid())
        os.kill(zygote if who == "zygote" else jailer, signal.SIGKILL)
        assert live.next("error")["error"]
        end = live.next("end")
    assert (end["status"], end["outcome"]) == (500, "internal")
    assert service.execute(OK).body["result"] == 1
    service.wait_full()
    service.wait_until(lambda: not set(old) & set(descendants_of(service.process.pid)))


def test_repeated_zygote_deaths_are_survived(start):
    service = start(pool=2)
    for _ in range(3):
        os.kill(service.zygote_pid(), signal.SIGKILL)
        service.wait_until(lambda: service.execute(OK).status == 200)
        service.wait_full()
    assert pool_of(service)["zygote_starts"] == 4


def test_no_descriptor_of_the_server_reaches_zygote_jailer_or_init(start):
    service = start(pool=1)
    connection = service.connect()
    service.execute(OK, connection)
    os.kill(service.zygote_pid(), signal.SIGKILL)  # the next zygote is started with sockets open
    service.wait_until(lambda: service.execute(OK).status == 200)
    service.wait_full()
    zygote = service.zygote_pid()
    assert links_of(zygote)
    for pid in [zygote, *descendants_of(zygote)]:
        links = links_of(pid)
        sockets = [link for link in links if link.startswith("socket:")]
        own = {re.search(r"\d+", s)[0] for s in sockets}
        tcp = {line.split()[9] for line in open("/proc/net/tcp").read().splitlines()[1:]}
        assert not own & tcp, (pid, links)
    connection.close()


FAULTS = """
import resource
def main():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    module = __import__("pan" + "das")
    module.Series([1, 2, 3]).sum()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""


def populates_pages():
    """MADV_POPULATE_WRITE, since Linux 5.14, and a pagemap that tells which pages are one's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    page = libc.mmap(None, mmap.PAGESIZE, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    return libc.madvise(page, mmap.PAGESIZE, 23) == 0 and os.access("/proc/self/pagemap", os.R_OK)


def test_a_worker_has_the_pages_that_the_scripts_of_late_have_used():
    """The pool learns from the scripts what to make workers for: from the word in them, no more."""
    if not populates_pages():
        pytest.skip("this kernel populates no pages, or does not tell which")
    enough = 100
    faults = {}
    with Service(pool=8) as service:
        for word in ("", "# pandas"):
            for _ in range(enough):
                assert service.execute("def main(): pass" + word).body["result"] is None
            service.wait_full()
            faults[word] = service.execute(FAULTS + word).body["result"]
    assert faults["# pandas"] < faults[""] / 2, faults


def test_an_interrupt_that_hits_the_zygote_does_not_reach_its_workers(service):
    starts, target = (pool_of(service)[key] for key in ("zygote_starts", "target"))
    os.kill(service.zygote_pid(), signal.SIGINT)
    for _ in range(2 * target):
        assert service.execute(OK).status == 200
    assert pool_of(service)["zygote_starts"] == starts
