"""Deadline, memory, processes, files: held from outside, whatever the script does."""

import subprocess
import time
import uuid

import pytest

from request_parts import result_of
from service import TIMEOUT_MS

MIB = 1 << 20


ENDLESS = {
    "python loop": "def main():\n    while True: pass",
    "a C loop that holds the GIL": "def main(): return sum(range(1 << 62))",
    "catastrophic regular expression": "import re\ndef main(): re.match(r'(a+)+$', 'a' * 64 + 'b')",
    "sleep": "import time\ndef main(): time.sleep(1000)",
    "at import": "while True: pass\ndef main(): pass",
    "ignored signals": "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ndef main():\n    while True: pass",
    "blocked signals": "import signal\ndef main():\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n    while True: pass",
    "stopped": "import os, signal\ndef main(): os.kill(os.getpid(), signal.SIGSTOP)",
    "stopped process group": "import os, signal\ndef main(): os.kill(0, signal.SIGSTOP)",
    "threads": "import threading\ndef f():\n    while True: pass\ndef main():\n    for _ in range(20): threading.Thread(target=f).start()\n    f()",
    "waits for a child that never ends": "import os, time\ndef main():\n    if os.fork() == 0: time.sleep(1000)\n    os.wait()",
    "fork bomb": "import os\ndef main():\n    while True:\n        try: os.fork()\n        except OSError: pass",
    "memory churn": "def main():\n    while True: bytearray(64 << 20)",
    "swallows everything": "def main():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "in the serialiser": "class D(dict):\n    def items(self):\n        while True: pass\ndef main(): return [D(a=1)]",
    "in the traceback": "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef main(): raise E",
    "at exit of a thread": "import threading\nclass D:\n    def __del__(self):\n        while True: pass\nd = D()\ndef main():\n    global d\n    del d",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_deadline_holds_against(patient, name):
    started = time.monotonic()
    answer = patient.post({"script": ENDLESS[name], "timeout_ms": 400})
    took = time.monotonic() - started
    assert (answer.status, answer.outcome, answer.body["error"].split(":")[0]) == (422, "time_limit", "execution time limit exceeded")
    assert took >= 0.4


@pytest.fixture(scope="module")
def patient():
    from service import Service

    with Service(timeout_ms=20000) as running:
        yield running
        running.wait_full()


def count_marked(marker):
    return subprocess.run(["pgrep", "-fc", marker], capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("end, outcome", [("return 1", "ok"), ("time.sleep(100)", "time_limit"), ("os._exit(1)", "exited"), ("os.abort()", "killed")])
def test_no_process_of_the_job_is_left_when_the_answer_is_there(patient, end, outcome):
    marker = f"987654{uuid.uuid4().int % 10**9}"
    script = f"""
import os, signal, subprocess, time
def main():
    for _ in range(5):
        subprocess.Popen(["sleep", "{marker}"], start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "{marker}"])
        os._exit(0)
    os.wait()
    {end}
"""
    control = subprocess.Popen(["sleep", marker])
    patient.wait_until(lambda: count_marked(marker) == "1")  # the count finds what is there
    control.kill()
    control.wait()
    limit = {"timeout_ms": 1000} if outcome == "time_limit" else {}
    assert patient.post({"script": script, **limit}).outcome == outcome
    assert count_marked(marker) == "0"


def test_memory_limit_is_an_outcome(service):
    for script in ("def main(): return len(bytearray(1 << 40))",
                   "def main():\n    l = []\n    while True: l.append(bytearray(1 << 20))",
                   "import numpy as np\ndef main(): return np.ones((1 << 40,)).sum()"):
        answer = service.execute(script)
        assert (answer.status, answer.outcome, answer.body["error"].split(":")[0]) == (422, "memory_limit", "memory limit exceeded")


def test_memory_is_on_top_of_the_warm_interpreter(start):
    service = start(memory_mb=64, pool=1)
    assert result_of(service, f"def main(): return len(bytearray({48 * MIB}))") == 48 * MIB
    assert service.execute(f"def main(): return len(bytearray({65 * MIB}))").outcome == "memory_limit"


def test_other_ways_to_memory_are_bounded_too(start):
    service = start(memory_mb=64, pool=1)
    ways = {
        "shared anonymous mapping": "import mmap\ndef main(): return len(mmap.mmap(-1, 1 << 30))",
        "mmap by libc": "import ctypes\ndef main():\n    c = ctypes.CDLL(None, use_errno=True)\n    c.mmap.restype = ctypes.c_long\n    if c.mmap(None, ctypes.c_long(1 << 30), 3, 0x21, -1, ctypes.c_long(0)) == -1: raise OSError(ctypes.get_errno(), 'mmap')",
        "memfd": "import os\ndef main(): os.memfd_create('x')",
        "raised limit": "import resource\ndef main(): resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
        "locked": "import ctypes\ndef main():\n    if ctypes.CDLL(None).mlockall(3): raise OSError",
    }
    for name, script in ways.items():
        assert service.execute(script).outcome in ("exception", "memory_limit"), name


def test_tmp_is_bounded_in_bytes_and_inodes(service):
    script = """
import errno
def main():
    written = 0
    try:
        for i in range(1000):
            with open(f"/tmp/{i}", "wb") as f:
                written += f.write(bytes(1 << 20))
    except OSError as error:
        return [written >> 20, errno.errorcode[error.errno]]
"""
    assert result_of(service, script) == [100, "ENOSPC"]
    script = """
import errno
def main():
    try:
        for i in range(100000): open(f"/tmp/{i}", "w").close()
    except OSError as error:
        return [i > 16000, errno.errorcode[error.errno]]
"""
    assert result_of(service, script) == [True, "ENOSPC"]


def test_file_size_is_bounded(start):
    service = start(file_mb=4, pool=1)
    script = "import errno\ndef main():\n    try:\n        with open('f', 'wb') as f: f.write(bytes(5 << 20))\n    except OSError as e: return errno.errorcode[e.errno]"
    assert result_of(service, script) == "EFBIG"


def test_descriptors_are_bounded_and_only_four_are_inherited(service):
    script = """
import os
def main():
    inherited = []
    for fd in range(1024):
        try: os.fstat(fd); inherited.append(fd)
        except OSError: pass
    opened = 0
    try:
        while True: os.open("/dev/null", 0); opened += 1
    except OSError as error:
        return [inherited, len(inherited) + opened]
"""
    assert result_of(service, script) == [[0, 1, 2, 3], 256]


def test_processes_are_bounded(service):
    script = """
import os, time
def main():
    count = 0
    try:
        while True:
            if os.fork() == 0: time.sleep(100)
            count += 1
    except BlockingIOError:
        return count
"""
    assert result_of(service, script) == 64  # beside the first


def test_limits_of_the_process(service):
    script = "import resource as r\ndef main(): return [r.getrlimit(x) for x in (r.RLIMIT_MEMLOCK, r.RLIMIT_NPROC, r.RLIMIT_FSIZE, r.RLIMIT_STACK)]"
    assert result_of(service, script) == [[0, 0], [65, 65], [100 * MIB, 100 * MIB], [8 * MIB, 8 * MIB]]


def test_deadline_of_the_shared_service_is_the_configured_one(service):
    started = time.monotonic()
    assert service.execute(ENDLESS["sleep"]).outcome == "time_limit"
    assert time.monotonic() - started >= TIMEOUT_MS / 1000
