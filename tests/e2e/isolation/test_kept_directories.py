"""Without namespaces, the uid, the directory and the supervisor of a job that left the directory untouched are kept."""

import os
import subprocess
from pathlib import Path

import pytest

from kept import RETURNS, SLOTS, SOME, Jails, check_kept
from processes import descendants_of
from levels import can_have, programs, shm, start_kind  # noqa: F401

DIRECTORY = """
import os
import subprocess
def main():
    path = os.environ["TMPDIR"]
    state = os.stat(path)
    return [os.listdir(path), oct(state.st_mode), state.st_uid == os.getuid(), state.st_size, state.st_nlink,
            state.st_mtime_ns == state.st_ctime_ns, os.getpriority(os.PRIO_PROCESS, 0)]
"""
SAME_TIMES = 5  # in the list above
UNTOUCHED = {
    "returns": RETURNS,
    "dies": "import os\ndef main(): os.kill(os.getpid(), 9)",
    "runs out of time": "def main():\n    while True: pass",
    "has threads": "import threading\ndef main():\n    t = threading.Thread(target=int); t.start(); t.join()\n    return 1",
}
TOUCHED = {
    "a file": "open(path + '/x', 'w')",
    "a file that is gone again": "open(path + '/x', 'w'); os.unlink(path + '/x')",
    "a directory": "os.mkdir(path + '/x'); os.rmdir(path + '/x')",
    "a link": "os.symlink('a', path + '/x')",
}


@pytest.fixture(scope="module", params=["root-2", "root-1", "user-1"])
def confined(request, programs, shm):  # noqa: F811
    if request.param.startswith("user") and not can_have(request.param, programs):
        pytest.skip("this host gives an ordinary user less")
    with start_kind(request.param, programs, shm, pool=1, running=1, timeout_ms=20000) as running:
        assert running.health()["isolation"]["keeps_jails"]
        yield running


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_directory_that_is_left_untouched_is_kept(confined, name):
    check_kept(confined, UNTOUCHED[name])


@pytest.mark.parametrize("name", TOUCHED)
def test_a_directory_that_is_touched_is_removed(confined, name):
    new = confined.execute(DIRECTORY).body["result"]
    assert new[:3] == [[], "0o40700", True]
    jails = Jails(confined)
    script = f"import os\ndef main():\n    path = os.environ['TMPDIR']\n    {TOUCHED[name]}\n    return path"
    path = confined.execute(script).body["result"]
    assert jails.lost() == {"files": 1}
    assert not os.path.exists(confined.shm.path(path))
    for _ in range(SLOTS):
        assert without_tick(confined.execute(DIRECTORY).body["result"]) == without_tick(new)


def without_tick(directory):
    """Its times differ if the clock has ticked between its making and the change of its owner."""
    return [value for place, value in enumerate(directory) if place != SAME_TIMES]


WHOSE = "import os\ndef main(): return os.getuid()"


def test_a_uid_that_somebody_else_takes_meanwhile_is_given_to_no_job(programs, shm):  # noqa: F811
    with start_kind("root-2", programs, shm, pool=1, running=1) as running:
        uids = {running.execute(WHOSE).body["result"] for _ in range(SLOTS + SOME)}
        running.wait_full()
        parked = {os.stat(f"/proc/{pid}").st_uid for pid in descendants_of(running.process.pid)
                  if Path(f"/proc/{pid}/comm").read_text() == "pyexec-worker\n"}
        taken = uids - parked
        assert taken
        others = [subprocess.Popen(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "sleep", "1000"]) for uid in taken]
        try:
            for other, uid in zip(others, taken):
                running.wait_until(lambda pid=other.pid, uid=uid: os.stat(f"/proc/{pid}").st_uid == uid)
            answers = [running.execute(WHOSE) for _ in range(3 * SLOTS)]
            assert [answer.outcome for answer in answers] == ["ok"] * len(answers)
            assert not {answer.body["result"] for answer in answers} & taken
            assert all(other.poll() is None for other in others)  # and nobody's process is killed
        finally:
            for other in others:
                other.kill()
                other.wait()
