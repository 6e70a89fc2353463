"""The warm interpreter is replaced now and then, and nobody notices."""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from processes import descendants_of
from state import Scrape, pool_of
from tools import LiveRun

HASH = "def main(): return hash('a text')"
LEVELS = (4, 3, 2, 1)


def replaced(service, why="jobs"):
    return Scrape(service)["pyexec_zygote_replacements_total", why]


def zygotes_of(service):
    found = subprocess.run(["pgrep", "-P", str(service.launcher_pid()), "-x", "pyexec-zygote"], capture_output=True, text=True)
    return found.stdout.split()


@pytest.mark.parametrize("level", LEVELS)
def test_after_so_many_jobs_another_takes_over(start, level):
    service = start(pool=2, running=2, zygote_jobs=10, max_level=level)
    (first,) = zygotes_of(service)
    before = service.execute(HASH).body["result"]
    for _ in range(10):
        assert service.execute(HASH).body["result"] == before or replaced(service)
    service.wait_until(lambda: replaced(service) == 1)
    service.wait_until(lambda: first not in zygotes_of(service))
    service.wait_full()
    after = service.execute(HASH).body["result"]
    assert after != before  # another interpreter, with a seed of its own
    assert pool_of(service)["zygote_starts"] == 2 and len(zygotes_of(service)) == 1


UNTIL_A_SIGNAL = """import signal
def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})  # the second tells which process it is
    print("waits")
    signal.sigwait({signal.SIGUSR1})
    return "slept"
"""


def blocks(pid, number):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return int(status.partition("SigBlk:")[2].split()[0], 16) >> (number - 1) & 1


@pytest.mark.parametrize("level", (4, 1))
def test_a_job_outlives_its_replaced_zygote(start, level):
    service = start(pool=2, running=4, zygote_jobs=5, max_level=level, timeout_ms=600_000)
    with LiveRun(service, script=UNTIL_A_SIGNAL, timeout_ms=600_000) as long:
        long.next("stdout")
        (worker,) = [pid for pid in descendants_of(service.process.pid) if blocks(pid, signal.SIGUSR2)]
        end = time.monotonic() + 60
        while not replaced(service):
            assert service.execute(HASH).status == 200 and time.monotonic() < end
        assert len(zygotes_of(service)) == 2
        os.kill(worker, signal.SIGUSR1)
        assert long.next("result")["result"] == "slept"
    service.wait_until(lambda: len(zygotes_of(service)) == 1)


def test_many_replacements_under_load_lose_nothing(start):
    service = start(pool=2, running=4, zygote_jobs=10)
    with ThreadPoolExecutor(4) as clients:
        while replaced(service) < 3:
            answers = list(clients.map(lambda _: service.execute("def main(): return 1"), range(100)))
            assert {answer.status for answer in answers} == {200}
    assert replaced(service, "lost") == 0
    service.wait_until(lambda: len(zygotes_of(service)) <= 2)
    assert pool_of(service)["worker_failures"] == 0


@pytest.mark.parametrize("level", (4, 2))
@pytest.mark.parametrize("end, outcome", [("os._exit(3)", "exited"), ("os.kill(os.getpid(), 11)", "killed")])
def test_how_the_last_job_of_a_zygote_ended_is_known(start, level, end, outcome):
    """The zygote goes when the jail is empty, and no sooner: until then who empties it depends on the zygote."""
    service = start(pool=1, running=2, zygote_jobs=1, max_level=level)
    last = f"import os, time\ndef main():\n    open(os.environ.get('TMPDIR', '/tmp') + '/left', 'w').write('x')\n    time.sleep(1)\n    {end}"
    outlived = 0
    with ThreadPoolExecutor(1) as other:
        for number in range(30):
            job = other.submit(service.execute, last)
            service.wait_until(lambda job=job: pool_of(service)["running"] == 1 or job.done())
            before = replaced(service)
            while replaced(service) == before and not job.done():
                service.execute(HASH)
            outlived += not job.done()
            assert job.result().outcome == outcome
            if outlived and number >= 3:
                break
    assert outlived > 0


def test_with_zero_there_is_one_for_ever(start):
    service = start(pool=2, zygote_jobs=0, zygote_minutes=0)
    for _ in range(30):
        service.execute(HASH)
    assert pool_of(service)["zygote_starts"] == 1


def new_zygote(service, old):
    """Seen as soon as it is there: long before it is warm."""
    service.wait_until(lambda: any(pid not in old for pid in zygotes_of(service)))
    return next(pid for pid in zygotes_of(service) if pid not in old)


def test_one_that_does_not_get_warm_is_replaced(start):
    service = start(pool=1, zygote_start_ms=15_000)

    def stop_a_cold_one():
        """Returns it, or None if it was warm before it was stopped."""
        (first,) = zygotes_of(service)
        os.kill(int(first), signal.SIGKILL)
        second = new_zygote(service, {first})
        service.wait_until(lambda: recorder_of(second) or pool_of(service)["ready"])
        os.kill(int(second), signal.SIGSTOP)
        if recorder_of(second):  # it has one until it is warm
            return second
        os.kill(int(second), signal.SIGCONT)
        service.wait_full()

    second = next(filter(None, (stop_a_cold_one() for _ in range(20))))
    starts = pool_of(service)["zygote_starts"]
    service.wait_until(lambda: pool_of(service)["zygote_starts"] == starts + 1, seconds=60)
    service.wait_until(lambda: second not in zygotes_of(service))
    service.wait_full()
    assert service.execute("def main(): return 1").status == 200


def test_health_says_so_where_none_gets_warm(start):
    service = start(pool=1, zygote_start_ms=12_000)
    (first,) = zygotes_of(service)
    status = lambda path: service.request("GET", path).status
    assert service.request("GET", "/healthz").body == {"status": "ok"}
    launcher = service.launcher_pid()
    os.kill(launcher, signal.SIGSTOP)  # it starts no other
    os.kill(int(first), signal.SIGKILL)
    service.wait_until(lambda: status("/health") == 503)
    assert service.health()["status"] == "unavailable" and status("/healthz") == 200  # for a while
    service.wait_until(lambda: status("/healthz") == 503, seconds=60)
    assert service.request("GET", "/healthz").body == {"status": "unavailable"}
    os.kill(launcher, signal.SIGCONT)
    service.wait_until(lambda: status("/healthz") == 200, seconds=60)
    service.wait_full()


def recorder_of(zygote):
    """Its child that records which pages a script dirties, while it does: it alone has the zygote's name by then."""
    try:
        for child in Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text() == "pyexec-zygote\n" and Path(f"/proc/{child}/maps").read_text().count("libpython"):
                return child
    except OSError:
        pass
    return None


def test_a_zygote_that_dies_while_it_warms_up_is_replaced(start):
    """Nothing that it has started holds what its end is noticed by."""
    service = start(pool=1)
    caught = 0
    for _ in range(4):
        (old,) = zygotes_of(service)
        os.kill(int(old), signal.SIGKILL)
        young = int(new_zygote(service, {old}))
        while (recorder := recorder_of(young)) is None and pool_of(service)["ready"] == 0:
            pass
        if recorder is not None:
            caught += 1
            os.kill(young, signal.SIGKILL)
            service.wait_until(lambda: not Path(f"/proc/{recorder}").exists())
        service.wait_full()
    print(f"killed {caught} while they recorded")
    assert service.execute("def main(): return 1").status == 200
