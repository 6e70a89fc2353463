"""Jobs of a template that mean harm to the next one, and set-ups that leave what their jobs would share."""

import concurrent.futures
import os

import pytest

from service import Service
from templates import Template, metric, send

JOBS = int(os.environ.get("CANARY_JOBS", 2_000)) // 100 * 100


@pytest.fixture(scope="module")
def quiet():
    """A service that nobody else uses. One jail a template, so that the next job is in the jail of the one before."""
    with Service(pool=1, timeout_ms=8000, template_jails=1) as running:
        yield running


@pytest.fixture(scope="module")
def victim(quiet):
    code = "import os, signal, mmap, fcntl, threading, subprocess\nmark = 'set-up'\nopen('kept', 'w').write('kept' * 2000)"
    with Template(quiet, code, files={"sent": "sent"}) as template:
        yield template


LOOK = """
found = []
for top in ("/tmp", "/dev/shm"):
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            state = os.lstat(path)
            found.append([path, state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns])
[sorted(found), open('kept').read() == 'kept' * 2000, open('sent').read(), mark, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, os.getcwd(), os.umask(18)]
"""
# What is left behind: nothing of it may be found. Each with the reason for which the jail is thrown away.
LEFT = {
    "a file": ("open('new', 'w').write('x')", "files"),
    "a file that is gone again": ("open('new', 'w').close(); os.unlink('new')", "files"),
    "a file of /dev/shm": ("open('/dev/shm/new', 'w').write('x')", "files"),
    "a changed file": ("open('kept', 'r+').write('X')", "files"),
    "a file changed and its time put back": ("s = os.stat('kept'); open('kept', 'r+').write('X'); os.utime('kept', ns=(s.st_atime_ns, s.st_mtime_ns))", "files"),
    "a file written to by a shared mapping": ("f = open('kept', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[5000:5001] = b'X'; m.close(); f.close()", "files"),
    "another mode": ("os.chmod('sent', 0o600)", "files"),
    "another name": ("os.rename('sent', 'away'); os.rename('away', 'sent')", "files"),
    "a hard link that is gone again": ("os.link('sent', 'more'); os.unlink('more')", "files"),
    "a directory's time": ("os.utime('/tmp')", "files"),
    "a process": ("if os.fork() == 0:\n    import time; time.sleep(60)", "processes"),
    "a process that has ended": ("p = os.fork()\nif p == 0: os._exit(0)\nos.waitpid(p, 0)", "processes"),
    "a thread": ("t = threading.Thread(target=print); t.start(); t.join()", "processes"),
    "a process of its own end": ("os._exit(0)", "processes"),
    "a number that nobody got": ("import ctypes, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (4, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
                                 "assert ctypes.CDLL(None).syscall(56, 0x1000 | 17, 0, ctypes.byref(ctypes.c_int()), 0, 0) == -1", "processes"),
    "a daemon": ("import time\nif os.fork() == 0:\n    if os.fork() == 0: time.sleep(60)\n    os._exit(0)", "processes"),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_a_job_leaves_costs_the_jail_and_is_not_found(victim, case):
    attack, reason = LEFT[case]
    assert victim.result(LOOK)[1:] == [True, "sent", "set-up", True, "/tmp", 18]
    looks, ended = victim.result(LOOK)[0], victim.ended_jails(reason)
    answer = victim.code(attack)
    assert answer.outcome == ("exited" if attack == "os._exit(0)" else "ok"), answer
    after = victim.result(LOOK)
    assert after[1:] == [True, "sent", "set-up", True, "/tmp", 18]
    assert [row[:3] for row in after[0]] == [row[:3] for row in looks]
    victim.service.wait_until(lambda: victim.ended_jails(reason) == ended + 1)


HELD = {
    "memory": "mark = 'job'; globals()['more'] = 1",
    "modules": "import sys, json; json.dumps = None; sys.modules['os'] = None",
    "builtins": "import builtins; builtins.open = None",
    "a signal handler": "signal.signal(signal.SIGTERM, lambda *_: None); signal.alarm(1)",
    "the working directory": "os.chdir('/'); os.umask(0)",
    "its environment": "os.environ['HOME'] = 'x'",
    "a lock on a file": "f = open('sent'); fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(open('kept', 'r+'), fcntl.LOCK_EX)",
    "limits of its own": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))",
    "a collection of garbage": "import gc; gc.unfreeze(); gc.collect(); gc.disable()",
}


@pytest.mark.parametrize("case", HELD)
def test_what_ends_with_its_process_costs_no_jail(victim, case):
    victim.result(LOOK)
    setups = metric(victim.service, "pyexec_template_setups_total")
    assert victim.code(HELD[case]).status == 200
    assert victim.result(LOOK)[1:] == [True, "sent", "set-up", True, "/tmp", 18]
    assert victim.result("import fcntl, builtins, json, os\nfcntl.flock(open('sent'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n[callable(open), json.dumps(1), os.environ['HOME']]") == [True, "1", "/tmp"]
    assert metric(victim.service, "pyexec_template_setups_total") == setups


@pytest.mark.parametrize("call", [
    "os.kill(2, 9)", "os.kill(2, 19)", "os.kill(1, 9)", "os.kill(-1, 9)", "os.kill(-2, 9)", "os.kill(2, 0)", "os.pidfd_open(2)", "os.pidfd_open(1)",
    "os.setsid()", "os.setpgid(0, 0)", "os.setpgid(0, 2)",
    "import ctypes; r = ctypes.CDLL(None, use_errno=True).syscall(200, 2, 9); r == 0 or (_ for _ in ()).throw(PermissionError(ctypes.get_errno(), ''))",  # tkill
    "import ctypes; r = ctypes.CDLL(None, use_errno=True).syscall(234, 2, 2, 9); r == 0 or (_ for _ in ()).throw(PermissionError(ctypes.get_errno(), ''))",  # tgkill
    "import ctypes; r = ctypes.CDLL(None, use_errno=True).syscall(129, 2, 9, bytes(128)); r == 0 or (_ for _ in ()).throw(PermissionError(ctypes.get_errno(), ''))",  # rt_sigqueueinfo
])
def test_the_first_process_is_out_of_reach(victim, call):
    answer = victim.code(call)
    assert answer.outcome == "exception", answer
    assert "PermissionError: [Errno 1]" in answer.body["error"]
    assert victim.result("mark") == "set-up"


def test_a_job_may_signal_itself_and_its_own(victim):
    """The control of the test above."""
    assert victim.code("os.kill(os.getpid(), 15)").outcome == "killed"
    code = "import time\np = os.fork()\nif p == 0:\n    time.sleep(60)\nos.kill(p, 9); os.waitpid(p, 0)[1]"
    assert victim.result(code) == 9
    assert victim.result("p = subprocess.Popen(['/bin/sleep', '60']) if os.path.exists('/bin/sleep') else None; p and (p.terminate(), p.wait())[1]") in (None, -15)


@pytest.mark.parametrize(("code", "named"), [
    ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True, name='mine').start()", "threads: mine"),
    ("import concurrent.futures as c\npool = c.ThreadPoolExecutor(1); pool.submit(print).result()", "threads: "),
    ("f = open('data', 'w')", "open files, which its jobs would share: data"),
    ("import socket\na, b = socket.socketpair()", "open files"),
    ("import os\nr, w = os.pipe()", "open files"),
    ("import asyncio\nloop = asyncio.new_event_loop()", "open files"),
    ("import mmap\nm = mmap.mmap(-1, 4096)", "memory that its jobs would share: mmap"),
    ("import mmap, gc\nm = mmap.mmap(-1, 4096); gc.freeze()", "memory that its jobs would share: mmap"),
    ("import _thread, time\n_thread.start_new_thread(time.sleep, (60,)); time.sleep(0.3)", "threads: of _thread"),
    ("import os, resource\nr, w = os.pipe(); os.dup2(w, 100)\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 50))", "open files"),
    ("open('data', 'w').write('x' * 4096)\nimport numpy as np\nm = np.memmap('data', mode='r')", "memory that its jobs would share: mmap"),
    ("import multiprocessing as m\nv = m.Value('i', 1)", "memory that its jobs would share"),
    ("from multiprocessing import shared_memory as s\nm = s.SharedMemory(create=True, size=64)", "memory that its jobs would share"),
])
def test_a_set_up_that_leaves_what_jobs_would_share(quiet, code, named):
    answer = send(quiet, "PUT", "/templates", {"code": code})
    assert answer.outcome == "exception", answer
    assert answer.body["error"].startswith("The set-up of a template must not leave " + named)


def test_what_a_set_up_has_closed_is_no_matter(quiet):
    """The control of the test above."""
    code = ("import threading, mmap, socket, concurrent.futures as c\nt = threading.Thread(target=print); t.start(); t.join()\n"
            "with open('data', 'w') as f: f.write('x')\nwith mmap.mmap(-1, 4096) as m: m[0]\na, b = socket.socketpair(); a.close(); b.close()\n"
            "with c.ThreadPoolExecutor(1) as pool: n = pool.submit(len, 'ab').result()")
    with Template(quiet, code) as template:
        assert template.result("n") == 2


def test_a_timer_of_the_set_up_is_cleared(quiet):
    code = "import signal\nsignal.signal(signal.SIGALRM, lambda *_: open('fired', 'w'))\nsignal.setitimer(signal.ITIMER_REAL, 1, 1)"
    with Template(quiet, code) as template:
        setups = metric(quiet, "pyexec_template_setups_total")
        assert template.result("import time, os; time.sleep(1.5); os.listdir()") == []
        assert template.result("os.listdir() if 'os' in globals() else None") is None
        assert metric(quiet, "pyexec_template_setups_total") == setups


def test_a_process_of_the_set_up_is_ended(quiet):
    with Template(quiet, "import os, time\nchild = os.fork()\nif child == 0:\n    time.sleep(60)\n    os._exit(0)") as template:
        answer = template.code("os.kill(child, 0)")
        assert "ProcessLookupError" in answer.body["error"]


def test_many_files_of_a_set_up_make_each_job_wait_for_its_own(quiet):
    with Template(quiet, "open('large', 'wb').write(bytes(17 << 20))") as template:
        before = metric(quiet, "pyexec_template_setups_total")
        sizes = [template.result("import os; os.path.getsize('large')") for _ in range(3)]
        assert sizes == [17 << 20] * 3
        assert metric(quiet, "pyexec_template_setups_total") >= before + 2


def test_templates_are_apart(quiet):
    """Of the same set-up too, if somebody else has sent it."""
    with Template(quiet, "x = 'one'") as one, Template(quiet, "x = 'two'") as two:
        one.result("open('left', 'w').write('x')")
        assert two.result("import os; [x, os.listdir('/tmp')]") == ["two", []]


def test_a_canary_of_one_job_is_not_found_by_another(start):
    """CANARY_JOBS jobs, some of which leave what they can. Each looks for what any other has left."""
    service = start(pool=1, template_jails=2, timeout_ms=20000)
    code = """
import os, gc, threading
names = set(globals()) | {'names'}
def job(n):
    found = sorted(set(globals()) - names - {'job'})
    found += [entry for top in ('/tmp', '/dev/shm') for entry in os.listdir(top)]
    found += [key for key in os.environ if key.startswith('CANARY')]
    found += [repr(thing) for thing in gc.get_objects() if isinstance(thing, Canary)] + [t.name for t in threading.enumerate()][1:]
    globals()['canary'] = Canary(n)
    os.environ['CANARY'] = str(n)
    if n % 100 == 0:
        open('/tmp/canary', 'w').write(str(n))
    if n % 100 == 50:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return found
class Canary:
    def __init__(self, n): self.n = n
names |= {'job', 'Canary'}
"""
    with Template(service, code) as template, concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda n: template.call("job", n), range(JOBS)))
        assert [one for one in found if one] == []
        files, processes = template.ended_jails("files"), template.ended_jails("processes")
        assert JOBS // 200 <= files <= JOBS // 100
        # Each of the jobs that leave something costs a jail. So does a proof that cannot be made in time, of either kind of job.
        assert 2 * (JOBS // 100) <= files + processes <= 2 * (JOBS // 100) + 20
        assert template.shown()["jobs_run"] == JOBS
