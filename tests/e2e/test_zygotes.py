"""The warm interpreter is replaced now and then, and nobody notices."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from test_metrics import Scrape
from test_pool import pool_of

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


@pytest.mark.parametrize("level", (4, 1))
def test_a_job_outlives_its_replaced_zygote(start, level):
    service = start(pool=2, running=4, zygote_jobs=5, max_level=level)
    with ThreadPoolExecutor(1) as other:
        long = other.submit(service.execute, "import time\ndef main():\n    time.sleep(8)\n    return 'slept'")
        service.wait_until(lambda: pool_of(service)["running"] == 1)
        while not replaced(service):
            assert service.execute(HASH).status == 200
        assert long.running() and len(zygotes_of(service)) == 2
        assert long.result().body["result"] == "slept"
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
    last = f"import os, time\ndef main():\n    open(os.environ.get('TMPDIR', '/tmp') + '/left', 'w').write('x')\n    time.sleep(0.5)\n    {end}"
    with ThreadPoolExecutor(1) as other:
        for _ in range(4):
            job = other.submit(service.execute, last)
            service.wait_until(lambda: pool_of(service)["running"] == 1)
            before = replaced(service)
            while replaced(service) == before and not job.done():
                service.execute(HASH)
            assert job.result().outcome == outcome


def test_with_zero_there_is_one_for_ever(start):
    service = start(pool=2, zygote_jobs=0, zygote_minutes=0)
    for _ in range(30):
        service.execute(HASH)
    assert pool_of(service)["zygote_starts"] == 1
