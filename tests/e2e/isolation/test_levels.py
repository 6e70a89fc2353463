"""What is promised at each level of isolation that this host gives, and what is left when it ends."""

import concurrent.futures
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from contract import EXAMPLES, check, send
from levels import KINDS, NAMES, PrivateShm, can_have, cgroups_of, result_of, start_kind
from processes import descendants_of, is_alive
from selftest import ATTACKS
from service import Service

TMP_MB = 8


@pytest.fixture(scope="module", params=KINDS)
def at(request, programs, shm):
    if request.param.startswith("user") and not can_have(request.param, programs):
        pytest.skip("this host gives an ordinary user less")
    with start_kind(request.param, programs, shm, tmp_mb=TMP_MB) as running:
        yield running


def attempt(statement):
    """A script that returns None, or the name of the exception that `statement` raises."""
    return f"""
import multiprocessing, os, subprocess, sys, tempfile
def main():
    try:
        {statement}
    except BaseException as error:
        return type(error).__name__
"""


def has_processes(service):
    return service.level >= 3


# What is promised


def test_level_and_name_are_told(at):
    isolation = at.health()["isolation"]
    assert isolation["level"] in KINDS[at.kind][2]
    assert isolation["name"] == NAMES[at.level]
    assert f"isolation level {at.level} ({NAMES[at.level]})" in at.greeting
    assert isolation["jail"]


def test_the_selftest_blocked_all_it_ran(at):
    selftest = at.health()["isolation"]["selftest"]
    assert selftest["run"] == selftest["blocked"] == ATTACKS
    assert f"{selftest['run']} of {selftest['run']} attacks on itself blocked" in at.greeting


def test_features_are_what_health_says(at):
    features = dict(at.health()["isolation"]["features"])
    assert {type(features.pop(name)) for name in ("file_locks", "sessions")} == {bool}  # test_locks, test_neighbours
    processes = has_processes(at)
    assert features == {
        "threads": True, "subprocess": processes, "multiprocessing": processes, "scratch": True, "private_tmp": processes,
    }
    denied = None if processes else "PermissionError"
    assert result_of(at, attempt("subprocess.run([sys.executable, '-c', ''], check=True)")) == denied
    assert result_of(at, attempt("p = multiprocessing.Process(target=len, args=('',)); p.start(); p.join()")) == denied
    assert result_of(at, attempt("os.fork() or os._exit(0)")) == denied


def test_where_there_are_no_processes_an_error_says_so(at):
    head = "import multiprocessing, multiprocessing.pool, subprocess\ndef main():\n    "
    for call in ("subprocess.run(['true'])", "multiprocessing.Process(target=print).start()", "multiprocessing.pool.ThreadPool(1)"):
        answer = at.execute(head + call)
        assert answer.outcome == ("ok" if has_processes(at) else "exception")
        assert ("A job is one process here" in answer.body.get("error", "")) != has_processes(at)
    for call in ("subprocess.run(['/usr/lib/os-release'])", "open('/usr/lib/x', 'w')"):
        assert "one process" not in at.execute(head + call).body["error"] or not has_processes(at)


def test_threads_and_temporary_files_work_and_the_working_directory_is_tmp(at):
    script = """
import concurrent.futures, os, tempfile
def main():
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        squares = list(executor.map(lambda n: n * n, range(8)))
    with tempfile.NamedTemporaryFile("w+") as file, tempfile.TemporaryDirectory() as folder:
        file.write("text"); file.seek(0)
        os.rename(os.path.join(os.mkdir(folder + "/a") or folder, "a"), folder + "/b")
        return [squares, file.read(), os.listdir(folder), os.getcwd(), os.environ["TMPDIR"] == tempfile.gettempdir()]
"""
    assert result_of(at, script) == [[0, 1, 4, 9, 16, 25, 36, 49], "text", ["b"], "/tmp", True]


def test_tmp_itself_takes_files_where_it_is_the_jobs_own(at):
    own = result_of(at, "import tempfile\ndef main(): return tempfile.gettempdir()") == "/tmp"
    assert own == has_processes(at)
    for path in ("/tmp/f", "f", "/dev/shm/f"):
        assert result_of(at, attempt(f"open({path!r}, 'w')")) == (None if own else "PermissionError")
    if not own:
        for path in ("/tmp", "/dev/shm", "/", "/etc", "/proc"):
            assert result_of(at, attempt(f"os.listdir({path!r})")) == "PermissionError"


def test_a_scratch_directory_is_private_and_empty(at):
    fill = """
import os, tempfile, time
def main():
    own = tempfile.gettempdir()
    found = os.listdir(own)
    open(own + "/secret", "w").write("secret")
    print(own, found, flush=True)
    time.sleep({seconds})
    return [own, found]
"""
    first, found = result_of(at, fill.format(seconds=0))
    assert found == []
    if has_processes(at):
        assert result_of(at, fill.format(seconds=0)) == ["/tmp", []]
        return
    at.wait_until(lambda: not os.path.exists(at.shm.path(first)))
    look = """
import os
def main():
    seen = []
    for act in (lambda: os.listdir({path!r}), lambda: open({path!r} + "/secret").read(),
                lambda: open({path!r} + "/mine", "w"), lambda: os.listdir(os.path.dirname({path!r})),
                lambda: os.rmdir({path!r}), lambda: os.link({path!r} + "/secret", os.environ["TMPDIR"] + "/link"),
                lambda: os.rename({path!r}, os.environ["TMPDIR"] + "/moved")):
        try:
            seen.append(repr(act()))
        except OSError as error:
            seen.append(type(error).__name__)
    return seen
"""
    base = at.shm.path(os.path.dirname(first))
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        other = executor.submit(result_of, at, fill.format(seconds=1.5))

        def the_others():
            return [n for n in os.listdir(base) if os.path.exists(f"{base}/{n}/secret")]

        at.wait_until(the_others)
        path = f"{os.path.dirname(first)}/{the_others()[0]}"
        seen = result_of(at, look.format(path=path))
        assert other.result() == [path, []]
    # A link or a rename across the border of what Landlock allows is answered with EXDEV.
    assert set(seen) <= {"PermissionError", "OSError"} and seen[:4] == ["PermissionError"] * 4, seen


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["id"] for e in EXAMPLES])
def test_the_contract_holds(at, example):
    if example["id"] == "jail/remove-passwd" and not has_processes(at):
        answer = send(at, example)
        assert answer.outcome == "exception" and "PermissionError" in answer.body["error"]  # already by listing /
        assert result_of(at, attempt("os.remove('/etc/passwd')")) == "PermissionError"
        assert os.path.exists("/etc/passwd")
    else:
        check(at, example)


# Bounds, and what is left


def test_scratch_is_bounded(at):
    script = f"""
import os, tempfile, time
def main():
    own = tempfile.gettempdir()
    print(own, flush=True)
    for n in range({4 * TMP_MB}):
        with open(f"{{own}}/{{n}}", "wb") as file:
            file.write(bytes(1 << 20))
    time.sleep(2)
"""
    answer = at.execute(script)
    if has_processes(at):
        assert answer.outcome == "exception" and "No space left on device" in answer.body["error"]
    else:
        assert answer.outcome == "killed", answer
        own = answer.body["stdout"].strip()
        at.wait_until(lambda: not os.path.exists(at.shm.path(own)))
    assert result_of(at, "def main(): return 1") == 1
    assert at.health()["pool"]["zygote_starts"] == 1


def test_a_file_that_never_had_a_name_is_bounded_too(at):
    script = f"""
import os, tempfile
def main():
    fd = os.open(tempfile.gettempdir(), os.O_RDWR | os.O_TMPFILE)
    for n in range({4 * TMP_MB}): os.posix_fallocate(fd, n << 20, 1 << 20)
"""
    answer = at.execute(script)
    error = "No space left on device" if has_processes(at) else "Operation not supported"
    assert answer.outcome == "exception" and error in answer.body["error"]


TREES = {
    "deep": """
    for n in range(3000):  # longer than a path can be
        os.mkdir("d" * 20)
        os.chdir("d" * 20)
        if n % 100 == 0:
            open("f", "w")
""",
    "wide": """
    for n in range(40):
        os.mkdir(str(n))
        for m in range(40):
            open(f"{n}/{m}", "w")
""",
    "unreadable": """
    for n in range(20):
        os.makedirs(f"{n}/a/b")
        open(f"{n}/a/f", "w")
        os.symlink("/etc", f"{n}/a/l")
    os.mkdir("closed", 0)  # by its own mode where chmod is refused
    for folder, folders, files in reversed(list(os.walk("."))):
        try:
            os.chmod(folder, 0)
        except PermissionError:
            pass
""",
    "own root": """
    os.mkdir("a")
    os.chmod(".", 0)
""",
    "names": """
    for name in (".lifted-0", ".lifted-1", "-rf", " ", "\\n", "\\xff", "d" * 255, "..."):
        os.makedirs(name + "/in/in") if len(name) < 255 else os.mkdir(name)
    for n in range(50):
        os.makedirs(f"x{n}/.lifted-{n}/y/z")
""",
}


@pytest.mark.parametrize("tree", TREES)
def test_every_tree_is_removed(at, tree):
    head = "import os, tempfile\ndef main():\n    own = tempfile.gettempdir()\n    os.chdir(own)\n    print(own)"
    answer = at.execute(head + TREES[tree])
    if not has_processes(at):
        refused = tree == "own root" and at.level == 1  # there is no chmod
        assert answer.outcome in ({"exception"} if refused else {"ok", "killed"}), answer
        own = answer.body["stdout"].split("\n")[0]
        assert own.startswith("/dev/shm/pyexec-")
        at.wait_until(lambda: not os.path.lexists(at.shm.path(own)))
    else:
        assert answer.outcome == "ok", answer
    assert result_of(at, "import os, tempfile\ndef main(): return os.listdir(tempfile.gettempdir())") == []
    assert at.health()["pool"]["zygote_starts"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_end_leaves_nothing(kind, number, programs):
    if kind.startswith("user") and not can_have(kind, programs):
        pytest.skip("this host gives an ordinary user less")
    shm = PrivateShm()
    service = start_kind(kind, programs, shm)
    result_of(service, "import tempfile\ndef main():\n    open(tempfile.gettempdir() + '/f', 'w').write('x')")
    launcher, pids = service.launcher_pid(), descendants_of(service.process.pid)
    scratch = shm.list()
    assert len(pids) >= 5
    assert bool(scratch) == (service.level <= 2)
    assert bool(cgroups_of(launcher)) == (service.level == 4)
    service.process.send_signal(number)
    assert service.process.wait(60) == (0 if number == signal.SIGTERM else -number)
    seconds = 0.1 if number == signal.SIGTERM else 10  # one that is killed has nobody to wait
    service.wait_until(lambda: not any(map(is_alive, pids)), seconds)
    service.wait_until(lambda: shm.list() == [], seconds)
    assert cgroups_of(launcher) == []
    service.process.stdout.close()
    service.process.stderr.close()
    shm.close()


def test_threads_are_bounded_where_the_job_has_roots_uid(programs, shm):
    script = """
import threading
def main():
    threading.stack_size(32768)
    made = 0
    try:
        while made < 500:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            made += 1
    except RuntimeError:
        pass
    return made
"""
    with start_kind("root-1", programs, shm, processes=1) as service:
        assert result_of(service, script) < 500  # 64 jobs' worth, and 256: limits.cc


FEW = Path(__file__).parents[1] / "support/small_users.py"


def test_jobs_at_the_same_time_have_uids_of_their_own_where_there_are_few(programs):
    """The worker that was made first is taken last: after so many jobs that every uid was given more than once."""
    command = [sys.executable, "-B", FEW, "60", programs / "pyexec-server"]
    with Service(command=command, max_level=2, pool=4, running=4) as service:
        assert service.health()["isolation"]["jail"] == "a uid for each job, and Landlock"
        uids = set()
        for _ in range(60):
            service.wait_full()
            uids.add(result_of(service, "import os\ndef main(): return os.getuid()"))
        assert 10 < len(uids) < 30
        assert service.stop() == 0
        assert "ended" not in service.stderr, service.stderr


def test_fewer_uids_than_jobs_are_refused(programs):
    command = [sys.executable, "-B", FEW, "30", programs / "pyexec-server"]
    with pytest.raises(RuntimeError, match="PYEXEC_POOL=4 and PYEXEC_RUNNING=4 take 16 uids for jobs, and this user namespace leaves 12"):
        Service(command=command, max_level=2, pool=4, running=4).stop()


# The server itself


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_the_server_has_given_its_rights_up(at):
    pid = at.process.pid
    status = status_of(pid)
    uids, gids = status["Uid"].split(), status["Gid"].split()
    assert len(set(uids)) == 1 and len(set(gids)) == 1
    assert "0" not in uids + gids
    if at.kind.startswith("user"):
        assert uids[0] == "1000"
    assert status["Groups"].strip() == ""
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0  # root's: not dumpable
    with open(f"/proc/{pid}/maps") as file:
        assert not re.search(r" rwx[ps] ", file.read())
