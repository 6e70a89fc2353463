"""What is promised at each level of isolation that this host gives."""

import os
import re

import pytest

from contract import EXAMPLES, check, send
from levels import KINDS, NAMES, attempt, has_processes
from request_parts import result_of
from selftest import ATTACKS
from tools import LiveRun

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
        "checkpoints": processes, "template_forks": processes,
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


def test_types_of_files_are_known(at):
    # From /etc/mime.types: Python's own table has no workbooks. A file that is seen and not to be read would be an error.
    script = "import mimetypes\ndef main(): return mimetypes.guess_type('sales.xlsx')"
    assert result_of(at, script) == ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", None]


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
    {wait}
    return [own, found]
"""
    first, found = result_of(at, fill.format(wait=""))
    assert found == []
    if has_processes(at):
        assert result_of(at, fill.format(wait="")) == ["/tmp", []]
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
    with LiveRun(at, script=fill.format(wait="f()"), tools=["f"]) as other:
        call = other.next("call")
        (there,) = [n for n in os.listdir(base) if os.path.exists(f"{base}/{n}/secret")]
        path = f"{os.path.dirname(first)}/{there}"
        seen = result_of(at, look.format(path=path))
        assert other.answer(call, result=1).status == 202
        assert other.next("result")["result"] == [path, []]
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
