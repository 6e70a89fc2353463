"""What a service does not keep of a jail that its job left untouched, and which such jails it throws away all the same."""

import os
import signal
import threading
from pathlib import Path

import pytest

from kept import RETURNS, SLOTS, SOME, Jails
from levels import can_have, can_have_level_4, programs, shm, start_kind  # noqa: F401
from processes import descendants_of, name_of
from service import BUILD, Service
from state import Scrape, pool_of


def looks_up(count, length):
    """A script that asks for that many files that are not there."""
    return f"""
import os
def main():
    for i in range({count}):
        os.path.exists("/usr/lib/" + str(i).zfill({length}))
"""


@pytest.fixture
def at_level_4(programs):  # noqa: F811
    if not can_have_level_4(programs):
        pytest.skip("this host lets no control group be made")
    with Service(pool=1, running=1, timeout_ms=20000) as running:
        yield running


def cached_names():
    """How many names the kernel has cached, in all file systems."""
    return int(Path("/proc/sys/fs/dentry-state").read_text().split()[0])


def test_names_that_a_job_looked_up_are_forgotten_before_the_next(at_level_4):
    """A later job could measure which they were."""
    if not at_level_4.health()["isolation"]["features"]["file_locks"]:
        pytest.skip("jails have no overlays of their own here: names are cached for all jobs at once")
    count = 150_000
    for _ in range(SLOTS):
        at_level_4.execute(RETURNS)
    jails = Jails(at_level_4)
    before = most = cached_names()
    job = threading.Thread(target=at_level_4.execute, args=[looks_up(count, 8)])
    job.start()
    while job.is_alive():
        most = max(most, cached_names())
    assert most > before + 0.8 * count
    for _ in range(SLOTS + SOME):
        at_level_4.execute(RETURNS)
    assert jails.news().keys() <= {"kept", "made"}  # and none is thrown away
    at_level_4.wait_until(lambda: cached_names() < most - 0.8 * count)  # the file system below keeps its own


def test_directories_have_the_numbers_of_the_file_system_below(at_level_4):
    """An overlay may number them as they are looked at, and so tell how many the job before looked at."""
    paths = [entry.path for entry in os.scandir("/usr/lib") if entry.is_dir(follow_symlinks=False)]
    script = f"import os\ndef main(): return [os.stat(path).st_ino for path in {paths}]"
    for _ in range(SLOTS):
        assert at_level_4.execute(script).body["result"] == [os.stat(path).st_ino for path in paths]


def test_a_jail_whose_names_fill_the_slots_memory_is_thrown_away(at_level_4):
    for _ in range(SLOTS):
        at_level_4.execute(RETURNS)
    jails = Jails(at_level_4)
    assert at_level_4.execute(looks_up(300_000, 250)).outcome == "ok"
    assert jails.lost() == {"memory": 1}


READS = """
import os
def main():
    size = 0
    for path in {paths}:
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                size += len(data)
    return size
"""


def test_a_jail_is_kept_however_much_its_job_read(at_level_4):
    """What a file holds is charged to the slot of its first reader, and stays."""
    paths = [path for path in Path("/usr/lib").rglob("*") if path.is_file() and not path.is_symlink()
             and path.suffix in (".a", "") and path.stat().st_size > 1 << 20]
    chosen, size = [], 0
    while paths and size < 120 << 20:
        chosen.append(paths.pop())
        size += chosen[-1].stat().st_size
    if size < 80 << 20:
        pytest.skip("this host has no such files")
    for _ in range(SLOTS):
        at_level_4.execute(RETURNS)
    jails = Jails(at_level_4)
    for path in chosen:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert at_level_4.execute(READS.format(paths=[str(path) for path in chosen])).body["result"] == size
    for _ in range(SLOTS):
        at_level_4.execute(RETURNS)
    assert jails.news().keys() <= {"kept", "made"}


@pytest.mark.parametrize("kind", ["root", "root-2"])
def test_a_job_whose_result_is_still_being_checked_costs_the_next_in_its_jail_nothing(programs, shm, kind):  # noqa: F811
    with start_kind(kind, programs, shm, pool=2, running=3, timeout_ms=10_000) as running:
        def large():
            answer = running.execute("def main(): return [[n] for n in range(300_000)]")
            assert answer.outcome == "ok", answer.outcome
        threads = [threading.Thread(target=lambda: [large() for _ in range(4)]) for _ in range(2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert running.execute(RETURNS).body["result"] == 1
        assert Scrape(running)[("pyexec_worker_failures_total",)] == 0


CHAIN = """
import array, os, socket
def send(by, files):
    by.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
def main():
    one, other = socket.socketpair()
    send(one, [os.open("/usr/lib/os-release", os.O_RDONLY)])
    for _ in range(200):
        next_one, next_other = socket.socketpair()
        send(next_one, [other.fileno()])
        one.close(), other.close()
        one, other = next_one, next_other
    send(one, [other.fileno()])
    return 1
"""


def test_a_chain_of_sockets_that_the_kernel_takes_a_second_to_close_costs_its_jail_alone(at_level_4):
    if not at_level_4.health()["isolation"]["features"]["file_locks"]:
        pytest.skip("files are the host's here, and locks are refused")
    for _ in range(SLOTS):
        at_level_4.execute(RETURNS)
    jails = Jails(at_level_4)
    assert at_level_4.execute(CHAIN).body["result"] == 1
    assert jails.lost() == {"in_flight": 1}
    for _ in range(SLOTS):
        assert at_level_4.execute(RETURNS).body["result"] == 1
    assert not jails.news().keys() - {"kept", "made"}
    assert Scrape(at_level_4)[("pyexec_worker_failures_total",)] == 0


@pytest.mark.parametrize("lie,reason", [("counter_unread", "processes"), ("inode_unread", "files"), ("room_unread", "files")])
def test_without_a_proof_no_jail_is_kept(programs, tmp_path, lie, reason):  # noqa: F811
    if not can_have_level_4(programs):
        pytest.skip("this host lets no control group be made")
    worker = tmp_path / "pyexec-worker"
    worker.write_text(f"#!/bin/sh\nexport LD_PRELOAD={BUILD}/libsaboteur.so SABOTAGE=init/{lie}\nexec {BUILD}/pyexec-worker\n")
    worker.chmod(0o755)
    tmp_path.chmod(0o755)
    with Service(pool=1, running=1, worker=worker) as running:
        assert running.health()["isolation"]["keeps_jails"]
        jails = Jails(running)
        for _ in range(SLOTS + SOME):
            assert running.execute(RETURNS).body["result"] == 1
        running.wait_until(lambda: jails.read()[(reason,)] >= SLOTS + SOME)
        assert jails.read()[("kept",)] == 0


def test_no_jail_is_kept_if_that_is_not_wanted():
    with Service(pool=1, keep_jails="off") as running:
        assert running.health()["isolation"]["keeps_jails"] is False
        jails = Jails(running)
        for _ in range(SLOTS):
            running.execute(RETURNS)
        assert jails.news() == {"made": SLOTS}


def field_of(pid, name):
    """The words of that line of the process's status; none if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return next((line.split()[1:] for line in lines if line.startswith(name + ":")), [])


def idle_inits(service):
    """The inits that are alone in their jail."""
    numbers = {pid: field_of(pid, "NSpid") for pid in descendants_of(service.process.pid)}
    inits = [pid for pid, at in numbers.items() if len(at) > 1 and at[-1] == "1"]
    jails = {pid: os.readlink(f"/proc/{pid}/ns/pid") for pid, at in numbers.items() if len(at) > 1}
    return [init for init in inits if list(jails.values()).count(jails[init]) == 1]


def slots_of(service):
    return [pid for pid in descendants_of(service.process.pid) if name_of(pid) == "pyexec-slot"]


@pytest.mark.parametrize("when", ["before it is chosen", "once it is chosen"])
@pytest.mark.parametrize("kind", ["root", "root-3"])
def test_a_kept_jail_that_ends_costs_no_worker(programs, shm, kind, when):  # noqa: F811
    if not can_have(kind, programs):
        pytest.skip("this host gives less")
    with start_kind(kind, programs, shm, pool=1, running=1) as running:
        for _ in range(SLOTS + SOME):
            running.execute(RETURNS)
        running.wait_full()
        jails = Jails(running)
        running.wait_until(lambda: idle_inits(running))
        ended = idle_inits(running)
        # A slot that is stopped cannot tell that its jail has ended, so the zygote chooses it.
        stopped = slots_of(running) if when == "once it is chosen" else []
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        for pid in ended:
            os.kill(pid, signal.SIGKILL)
        running.wait_until(lambda: not any(field_of(pid, "NSpid") for pid in ended))
        assert running.execute(RETURNS).body["result"] == 1
        if stopped:
            running.wait_until(lambda: pool_of(running)["starting"] == 1)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        for _ in range(SLOTS + SOME):
            assert running.execute(RETURNS).body["result"] == 1
        news = jails.news()
        assert news["lost"] == len(ended) and 1 <= news["made"] <= len(ended) + SLOTS, news
        assert Scrape(running)[("pyexec_worker_failures_total",)] == 0
