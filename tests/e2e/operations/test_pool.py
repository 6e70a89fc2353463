"""The pool, its bounds, and the life and death of every process around it."""

import concurrent.futures
import ctypes
import mmap
import os
import re
import signal
import socket
import subprocess
import json

import pytest

from processes import descendants_of, is_alive, jailer_pid, name_of
from request_parts import OK, SLEEP
from service import BUILD, Service
from state import pool_of

FOREVER = SLEEP.format(1000)


def in_background(service, script, count=1):
    """Requests that are still open when this returns, once all of them are running or waiting."""
    service.wait_until(lambda: pool_of(service)["running"] == 0)  # an answered job is still taken apart
    executor = concurrent.futures.ThreadPoolExecutor(count)
    futures = [executor.submit(service.execute, script) for _ in range(count)]
    service.wait_until(lambda: (now := pool_of(service))["running"] + now["waiting"] == count)
    return futures


def test_a_taken_worker_is_replaced_while_its_job_still_runs(start):
    service = start(pool=2, timeout_ms=3000)
    future = in_background(service, FOREVER)[0]
    service.wait_until(lambda: pool_of(service)["ready"] == 2)
    assert pool_of(service)["running"] == 1
    assert future.result().outcome == "time_limit"


def test_more_jobs_than_places_are_refused_with_429(start):
    service = start(pool=2, running=2, max_queued=3, timeout_ms=2000)
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
    service = start(pool=1, running=1, max_queued=0, timeout_ms=1000)
    running = in_background(service, FOREVER)
    assert service.execute(OK).status == 429
    running[0].result()


def open_request(service, script):
    body = json.dumps({"script": script}).encode()
    connection = socket.create_connection((service.host, service.port), 20)
    connection.sendall(
        b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    return connection


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
    future = in_background(service, "import time\nprint('started')\ndef main(): time.sleep(1000)")[0]
    service.wait_until(lambda: pool_of(service)["ready"] == 1)
    os.kill(parked[0], signal.SIGKILL)
    answer = future.result()
    assert (answer.status, answer.outcome) == (422, "killed")
    assert answer.body == {"error": "script was killed by signal 9 (SIGKILL)", "stdout": "started\n"}


@pytest.mark.parametrize("who", ["zygote", "jailer"])
def test_a_zygote_that_is_killed_is_replaced(start, who):
    service = start(pool=2)
    future = in_background(service, FOREVER)[0]
    zygote = service.zygote_pid()
    jailer = jailer_pid(service)
    old = descendants_of(service.launcher_pid())
    os.kill(zygote if who == "zygote" else jailer, signal.SIGKILL)
    answer = future.result()
    assert (answer.status, answer.outcome) == (500, "internal")
    assert "error" in answer.body and "stdout" in answer.body
    assert service.execute(OK).body["result"] == 1
    service.wait_full()
    assert not set(old) & set(descendants_of(service.process.pid))


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


def stop_and_list_leftovers(service, signal_number=signal.SIGTERM):
    pids = descendants_of(service.process.pid)
    assert pids
    service.process.send_signal(signal_number)
    code = service.process.wait(60)
    return code, [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_leaves_no_process_and_exits_with_0(start, number):
    service = start(pool=4)
    service.execute(OK)
    assert stop_and_list_leftovers(service, number) == (0, [])


def test_stop_finishes_accepted_requests(start):
    service = start(pool=2)
    idle = service.connect()
    service.execute(OK, idle)
    future = in_background(service, SLEEP.format(1.5))[0]
    service.process.send_signal(signal.SIGTERM)

    def refused():
        try:
            socket.create_connection((service.host, service.port), 1).close()
            return False
        except ConnectionResetError:  # was on its way while the port closed
            return False
        except ConnectionRefusedError:
            return True

    service.wait_until(refused)
    assert future.result().body["result"] == 1
    assert service.process.wait(10) == 0


def test_stop_answers_jobs_that_outlast_the_drain_time(start):
    service = start(pool=1, drain_ms=300, timeout_ms=60000)
    future = in_background(service, FOREVER)[0]
    service.process.send_signal(signal.SIGTERM)
    answer = future.result()
    assert (answer.status, answer.outcome) == (500, "internal")
    assert service.process.wait(10) == 0


def test_a_server_that_is_killed_leaves_no_process(start):
    service = Service(pool=3)
    pids = descendants_of(service.process.pid)
    assert len(pids) >= 3 + 2 * 3  # launcher, zygote, jailer; of each worker: itself and its init
    service.process.kill()
    service.process.wait()
    service.wait_until(lambda: not any(map(is_alive, pids)))
    service.process.stdout.close()
    service.process.stderr.close()


def refused_start(environment=None, arguments=()):
    done = subprocess.run(
        [BUILD / "pyexec-server", *arguments], env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode != 0 and done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "environment, name",
    [
        ({"PYEXEC_POOL": "0"}, "PYEXEC_POOL"), ({"PYEXEC_POOL": "many"}, "PYEXEC_POOL"), ({"PORT": "99999"}, "PORT"),
        ({"PYEXEC_TIMEOUT_MS": "-1"}, "PYEXEC_TIMEOUT_MS"), ({"PYEXEC_TIMOUT_MS": "1000"}, "PYEXEC_TIMOUT_MS"),
        ({"PYEXEC_ADDRESS": "nowhere"}, "PYEXEC_ADDRESS"), ({"PYEXEC_WORKER": "/no/such/file"}, "/no/such/file"),
        ({"PYEXEC_WORKER": "/bin/true"}, "launcher"),
    ],
)
def test_a_bad_knob_is_refused_by_name(environment, name):
    assert name in refused_start(environment)


def test_a_port_that_is_taken_is_refused(service):
    message = refused_start({"PYEXEC_PORT": str(service.port)})
    assert "Address already in use" in message and str(service.port) in message


def test_the_port_variable_of_container_platforms_is_used():
    environment = {"PATH": os.environ["PATH"], "PORT": "0", "PYEXEC_POOL": "1"}
    server = subprocess.Popen([BUILD / "pyexec-server"], env=environment, stdout=subprocess.PIPE, text=True)
    assert "listening on" in server.stdout.readline()
    server.terminate()
    assert server.wait(30) == 0
    server.stdout.close()


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
