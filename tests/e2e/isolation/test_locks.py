"""Locks on a job's own files work, and those on what every job can open tell no other job anything."""

import pytest

from levels import can_have, start_kind
from request_parts import result_of
from service import Service
from tools import LiveRun


@pytest.fixture(scope="module", params=["root", "root-2", "user"])
def at(request, programs, shm):
    if request.param == "user" and not can_have("user", programs):
        pytest.skip("this host gives an ordinary user less")
    with start_kind(request.param, programs, shm) as running:
        yield running


def has_locks(service):
    return service.health()["isolation"]["features"]["file_locks"]


def test_who_shares_files_with_other_jobs_says_that_it_has_no_locks(at):
    script = """
import fcntl
def main():
    with open("/dev/null", "r+b") as file:
        out = []
        for lock in (fcntl.flock, fcntl.lockf):
            try: out.append(lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB))
            except OSError as error: out.append(type(error).__name__)
        return out
"""
    assert result_of(at, script) == ([None, None] if has_locks(at) else ["OSError", "OSError"])
    assert has_locks(at) == at.health()["isolation"]["jail"].endswith("files of its own")


LOCK_ALL = """
import fcntl, os, time
PATHS = ["/", "/etc", "/dev", "/usr/lib", "/usr/bin/env", os.__file__, "/etc/ssl/certs/ca-certificates.crt", "/dev/null",
         "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/usr/share/zoneinfo/UTC"]
def attempts(path):
    file = os.open(path, os.O_RDONLY)
    yield lambda: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if path.startswith("/dev/"):
        written = os.open(path, os.O_RDWR) if path != "/dev" else None
        if written is not None:
            yield lambda: fcntl.lockf(written, fcntl.LOCK_EX | fcntl.LOCK_NB)
    elif os.path.isfile(path):
        yield lambda: fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
def lock_all():
    held = []
    for path in PATHS:
        for attempt in attempts(path):
            try: attempt()
            except OSError as error: held.append(f"{path}: {error}")
    return held
"""


def check_that_no_lock_is_seen_by_another_job(service):
    holder = LOCK_ALL + "def main():\n    held = lock_all()\n    f()\n    return held\n"
    # Positive control: within a job, whose second descriptor is another owner, the same locks are taken.
    other = LOCK_ALL + "def main():\n    return [lock_all(), len(lock_all())]\n"
    with LiveRun(service, script=holder, tools=["f"]) as holding:
        call = holding.next("call")  # which it waits for, with its locks
        found, found_again = result_of(service, other)
        assert holding.answer(call, result=1).status == 202
        assert holding.next("result")["result"] == []
    assert found == []
    assert found_again >= 13


def test_a_lock_is_one_jobs_own(at):
    if not has_locks(at):
        pytest.skip("locks are refused here")
    check_that_no_lock_is_seen_by_another_job(at)


def test_a_lock_is_one_jobs_own_on_what_the_host_has_mounted_below_usr(programs):
    """It has an overlay of its own; all else below /usr has one in common."""
    zones = "/usr/share/zoneinfo"
    mounted = ["unshare", "--mount", "sh", "-c", f'mount --bind {zones} {zones} && exec "$0"', programs / "pyexec-server"]
    with Service(command=mounted, pool=2) as service:
        if not has_locks(service):
            pytest.skip("locks are refused here")
        check_that_no_lock_is_seen_by_another_job(service)
        devices = "import os\ndef main(): return [os.stat(path).st_dev for path in ('/usr/lib', '/usr/bin', '/usr/share/zoneinfo')]"
        lib, programs_too, zones_too = result_of(service, devices)
        assert lib == programs_too != zones_too


SQLITE = """
import multiprocessing, os, sqlite3
def table():
    os.chdir(os.environ["TMPDIR"])  # at levels 2 and 1 not the working directory
    db = sqlite3.connect("shop.db")
    db.execute("create table t (n)")
    db.executemany("insert into t values (?)", [(n,) for n in range(500)])
    db.commit()
    return db
"""


def test_sqlite_two_readers(at):
    if at.level == 3 and not has_locks(at):
        pytest.skip("here SQLite locks by files, which know one kind of lock")
    script = SQLITE + """
def main():
    first = table()
    rows = first.execute("select n from t order by n")
    begin = rows.fetchone()[0]
    second = sqlite3.connect("shop.db", timeout=1)
    return [begin, second.execute("select count(*) from t").fetchone()[0], rows.fetchone()[0]]
"""
    assert result_of(at, script) == [0, 500, 1]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_sqlite_a_reader_while_somebody_writes(at, journal):
    if at.level == 3 and not has_locks(at):
        pytest.skip("here SQLite locks by files, which know one kind of lock")
    script = SQLITE + f"""
def main():
    writer = table()
    mode = writer.execute("pragma journal_mode={journal}").fetchone()[0]
    reader, late = sqlite3.connect("shop.db", timeout=0), sqlite3.connect("shop.db", timeout=0)
    writer.execute("insert into t values (1000)")
    during = reader.execute("select count(*) from t").fetchone()[0]
    try:
        late.execute("insert into t values (1001)")
        conflict = None
    except sqlite3.OperationalError as error:
        conflict = str(error)
    writer.commit()
    late.execute("insert into t values (1002)"); late.commit()
    return [mode, during, conflict, reader.execute("select count(*) from t").fetchone()[0]]
"""
    assert result_of(at, script) == [journal, 500, "database is locked", 502]


def test_sqlite_between_processes(at):
    if not has_locks(at):
        pytest.skip("a job is one process here, or its processes lock by files")
    script = SQLITE + """
def add(n):
    db = sqlite3.connect("shop.db", timeout=20)
    for _ in range(20):
        with db:
            db.execute("insert into t select max(n) + 1 from t")
def main():
    db = table()
    db.execute("pragma journal_mode=wal")
    workers = [multiprocessing.Process(target=add, args=(n,)) for n in range(4)]
    for one in workers: one.start()
    for one in workers: one.join()
    return [[one.exitcode for one in workers], *db.execute("select count(*), max(n) from t").fetchone()]
"""
    assert result_of(at, script) == [[0] * 4, 580, 579]


def test_a_file_is_copied_with_its_attributes(at):
    script = """
import os, shutil
def main():
    os.chdir(os.environ["TMPDIR"])
    with open("a", "w") as file: file.write("x")
    return open(shutil.copy2("a", "b")).read()
"""
    assert result_of(at, script) == "x"
