"""A jail that its job left untouched gets the next one, which cannot tell; any other is thrown away.

A job that probes (tests/e2e/support/prober_job.py) reads what a process can read of its jail. It gives the same answer in
a new jail and in one that has had jobs, whatever these did.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from jailed_attack import JAILED
from processes import descendants_of
from levels import can_have, can_have_level_4, programs, shm, start_kind  # noqa: F401
from kept import RETURNS, SLOTS, SOME, Jails, check_kept, run

USED = int(os.environ.get("KEPT_JOBS", 50))  # jobs of each jail; 250 before a release, of the 1,000 that there may be
PROBER = (Path(__file__).parents[1] / "support/prober_job.py").read_text()
ATTACKS = sorted((Path(__file__).parents[2] / "attacks").glob("*.py"))
PLAIN = "import os\ndef main():\n    os.listdir('/etc'), os.listdir('/tmp'), os.stat('/usr/lib/os-release')\n    return open('/etc/ld.so.cache', 'rb').read(1) and 42"

UNTOUCHED = {
    "returns": RETURNS,
    "reads": PLAIN,
    "looks around": "import os\ndef main():\n    for top in ('/usr/lib', '/usr/share', '/usr/bin'):\n        for at, _, _ in list(os.walk(top))[:300:-1]: os.stat(at)",
    "raises": "def main(): 1 / 0",
    "exits": "import sys\ndef main(): sys.exit(3)",
    "prints": "def main(): print('x' * 100_000)",
    "pandas": "import pandas\ndef main(): return pandas.DataFrame({'a': [1, 2]}).sum().to_dict()",
    "memory file": "import os\ndef main(): os.write(os.memfd_create('x'), b'x' * 100)",
    "pipes": "import os, socket\ndef main(): os.pipe(), socket.socketpair()",
    "asks for what is refused": "import os\ndef main():\n    try: open('/etc/x', 'w')\n    except OSError: return 1",
    "runs out of time": "def main():\n    while True: pass",
    "runs out of memory": "def main(): return len(b'x' * (8 << 30))",
    "lowers its priority": "import os\ndef main(): os.nice(5)",
    "a file without a name": "import os\ndef main():\n    try: os.open('/tmp', os.O_TMPFILE | os.O_RDWR)\n    except OSError: return 1",
}
TOUCHED = {
    "a file": ("open('/tmp/x', 'w')", "files"),
    "a file that is gone again": ("open('/tmp/x', 'w'); os.unlink('/tmp/x')", "files"),
    "a file without a name": ("tempfile.TemporaryFile().write(b'x')", "files"),
    "an unlinked file that is open": ("f = open('/dev/shm/x', 'w'); os.unlink('/dev/shm/x')", "files"),
    "shared memory": ("m = __import__('multiprocessing.shared_memory').shared_memory.SharedMemory('x', True, 9); m.unlink()",
                      "processes"),  # that keeps an account of it
    "a directory": ("os.mkdir('/tmp/x'); os.rmdir('/tmp/x')", "files"),
    "a link": ("os.symlink('a', '/tmp/x'); os.unlink('/tmp/x')", "files"),
    "rights": ("os.chmod('/tmp', 0o755); os.chmod('/tmp', 0o700)", "files"),
    "times": ("os.utime('/tmp', ns=(s.st_atime_ns, s.st_mtime_ns))", "files"),
    "times in shared memory": ("os.utime('/dev/shm')", "files"),
    "times of a link that is not its own": ("os.utime('/etc/ld.so.cache', follow_symlinks=False)", "files"),
    "a process": ("os.fork() or os._exit(0); os.wait()", "processes"),
    "a program": ("subprocess.run(['/bin/true'])", "processes"),
    "a thread": ("t = threading.Thread(target=int); t.start(); t.join()", "processes"),
    "an exit without a word": ("os._exit(0)", "ended"),
    "its own death": ("os.kill(os.getpid(), 9)", "ended"),
    "a fault": ("ctypes.memset(ctypes.c_void_p(8), 0, 8)", "ended"),
    "another program instead": ("os.execv('/bin/true', ['true'])", "ended"),
    "a closed job socket": ("os.close(3); time.sleep(0.3)", "ended"),
}
TOUCHING = """
import ctypes, os, subprocess, sys, tempfile, threading, time
def main():
    s = os.stat('/tmp')
    {statement}
"""


@pytest.fixture(scope="module", params=["root", "root-3", "user"])
def service(request, programs, shm):  # noqa: F811
    if not can_have(request.param, programs):
        pytest.skip("this host gives less")
    with start_kind(request.param, programs, shm, pool=1, running=1, timeout_ms=20000) as running:
        if not running.health()["isolation"]["keeps_jails"]:
            pytest.skip("this host lets no jail be kept")
        yield running


def probe(service):
    answer = service.execute(PROBER)
    assert answer.outcome == "ok", answer
    return answer.body["result"]


def differences(one, other, at=""):
    if isinstance(one, dict) and isinstance(other, dict):
        return [d for key in one.keys() | other.keys() for d in differences(one.get(key), other.get(key), f"{at}/{key}")]
    return [] if one == other else [f"{at}: {json.dumps(one)} -> {json.dumps(other)}"]


@pytest.fixture(scope="module")
def in_new_jails(service):
    """What the prober says there. It makes files, so that its jails are thrown away."""
    jails = Jails(service)
    answers = []
    for _ in range(10 * SLOTS):
        answers.append(probe(service))
        if "kept" in jails.news():
            answers.clear()
        elif len(answers) > SOME:  # and the first was parked before
            break
    answers.pop(0)
    assert len(answers) == SOME
    assert not differences(answers[0], answers[1]) and not differences(answers[1], answers[2])
    return answers[0]


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_jail_that_is_left_untouched_is_kept(service, name):
    check_kept(service, UNTOUCHED[name])


@pytest.mark.parametrize("name", TOUCHED)
def test_a_jail_that_is_touched_is_thrown_away(service, name):
    statement, reason = TOUCHED[name]
    if service.kind == "user" and "link" in name and "/etc" in statement:
        pytest.skip("all jails have one /etc there (SECURITY.md)")
    for _ in range(SLOTS):
        service.execute(RETURNS)
    jails = Jails(service)
    service.execute(TOUCHING.format(statement=statement))
    assert jails.lost() == {reason: 1}


@pytest.mark.parametrize("jobs", [1, USED])
def test_a_job_cannot_tell_a_used_jail_from_a_new_one(service, in_new_jails, jobs):
    jails = Jails(service)
    for _ in range(SLOTS):
        service.execute(PLAIN)
    jails.news()
    for _ in range(jobs * SLOTS):
        assert service.execute(PLAIN).body["result"] == 42
    news = jails.news()
    assert news["kept"] >= 0.99 * jobs * SLOTS - SLOTS, news
    for _ in range(SOME):
        assert not differences(in_new_jails, probe(service))


@pytest.mark.parametrize("name", UNTOUCHED)
def test_nothing_of_a_job_is_there_for_the_next_one(service, in_new_jails, name):
    for _ in range(SLOTS):
        run(service, UNTOUCHED[name])
    for _ in range(SOME):
        assert not differences(in_new_jails, probe(service))


LOCKS_FOR_LATER = """
import array, fcntl, socket
def main():
    for path in ("/usr/lib/os-release", "/etc/ld.so.cache", "/dev/null"):
        file = open(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        for _ in range(20):
            one, other = socket.socketpair()
            one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno(), one.fileno(), other.fileno()]))])
    return "sent"
"""


def test_a_descriptor_that_was_sent_to_nobody_holds_no_lock_in_the_next_job(service, in_new_jails):
    """A socket that was sent over itself outlives its process, with what was sent along, until the kernel collects it."""
    if not service.health()["isolation"]["features"]["file_locks"]:
        pytest.skip("no job can lock a file here")
    for _ in range(5):
        assert service.execute(LOCKS_FOR_LATER).body["result"] == "sent"
        for _ in range(SOME):
            assert not differences(in_new_jails, probe(service))


TARGET = {"secret": "s", "secret_file": "/etc/hostname", "tcp_port": 9, "abstract_name": "pyexec-none", "victim_pid": 1,
          "host_files": {path: [os.stat(path).st_dev, os.stat(path).st_ino] for path in ("/usr/lib/os-release", "/dev/null", "/dev/zero")}}


@pytest.mark.parametrize("service", ["root"], indirect=True, scope="module")
@pytest.mark.parametrize("path", ATTACKS, ids=[p.stem for p in ATTACKS])
def test_nothing_of_an_attack_is_there_for_the_next_job(service, in_new_jails, path):
    for _ in range(SLOTS):
        service.execute(PLAIN)
    service.execute(JAILED.format(source=path.read_text(), target=TARGET))
    for _ in range(SOME):
        assert not differences(in_new_jails, probe(service))
