"""Bounds at each level of isolation that this host gives, and what is left when a job or a service ends."""

import os
import signal
import sys
from pathlib import Path

import pytest

from levels import KINDS, TMP_MB, PrivateShm, can_have, cgroups_of, has_processes, start_kind
from processes import descendants_of, is_alive
from request_parts import result_of
from service import Service

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
    can_be_made = has_processes(at) and not at.health()["isolation"]["keeps_jails"]
    error = "No space left on device" if can_be_made else "Operation not supported"
    assert answer.outcome == "exception" and error in answer.body["error"]


def test_a_file_that_has_no_name_any_more_is_bounded_too(at):
    script = f"""
import os, tempfile
def main():
    path = tempfile.gettempdir() + "/f"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.unlink(path)
    for n in range({4 * TMP_MB}): os.posix_fallocate(fd, n << 20, 1 << 20)
"""
    answer = at.execute(script)
    error = "No space left on device" if has_processes(at) else "File too large"
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


@pytest.mark.parametrize("keep_jails", ["off", "auto"])
def test_jobs_at_the_same_time_have_uids_of_their_own_where_there_are_few(programs, keep_jails):
    """The worker that was made first is taken last: after so many jobs that every uid was given more than once."""
    command = [sys.executable, "-B", FEW, "60", programs / "pyexec-server"]
    with Service(command=command, max_level=2, pool=4, running=4, parked=4, keep_jails=keep_jails) as service:
        assert service.health()["isolation"]["jail"] == "a uid for each job, and Landlock"
        uids = set()
        for _ in range(60 if keep_jails == "off" else 300):
            service.wait_full()
            uids.add(result_of(service, "import os\ndef main(): return os.getuid()"))
        assert 10 < len(uids) < 30
        assert service.stop() == 0
        assert "ended" not in service.stderr, service.stderr


def test_fewer_uids_than_jobs_are_refused(programs):
    command = [sys.executable, "-B", FEW, "30", programs / "pyexec-server"]
    sizes = "PYEXEC_POOL=4, PYEXEC_RUNNING=4 and PYEXEC_PARKED=4 take 20 uids for jobs"
    with pytest.raises(RuntimeError, match=f"{sizes}, and this user namespace leaves 12"):
        Service(command=command, max_level=2, pool=4, running=4, parked=4).stop()
