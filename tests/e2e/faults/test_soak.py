"""2,000 jobs in a row, or SOAK_JOBS (10000 before a release), a tenth of them hostile: every request gets one answer,
nothing is left behind. What is left is counted exactly: what one job in a hundred leaves would show twenty times.
"""

import collections
import concurrent.futures
import glob
import itertools
import os
import subprocess

from processes import descendants_of, jailer_pid
from service import BUILD

JOBS = int(os.environ.get("SOAK_JOBS", 2_000))
CLIENTS = 8

BENIGN = [
    ("def main():\n    print('hi')\n    return {n}", "ok"),
    ("import pandas as pd\ndef main():\n    return int(pd.Series([{n}]).sum())", "ok"),
]
HOSTILE = [
    ("import ctypes\ndef main(): ctypes.string_at(0)", "killed"),
    ("def main():\n    while True: pass", "time_limit"),
    ("import os\ndef main():\n    while True:\n        try: os.fork()\n        except OSError: pass", "time_limit"),
    ("import os\ndef main():\n    for _ in range(16): os.write(1, b'x' * 1048576)\n    return {n}", "ok"),
    ("import os\ndef main(): os.kill(os.getppid(), 9)", "killed"),
    ("import os\ndef main():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            while True: pass\n    return {n}", "ok"),
    ("import os\ndef main():\n    os.write(3, b'garbage' * 9); os._exit(0)", "not_serializable"),
    ("import os\ndef main():\n    open('/tmp/f', 'wb').write(bytes(50 << 20)); open('/dev/shm/f', 'wb').write(bytes(9 << 20)); os.abort()", "killed"),
    ("def main(): return len(bytearray(1 << 40))", "memory_limit"),
    ("import os\ndef main(): os.closerange(0, 256)", "exited"),
]


def script_and_outcome(number):
    row = HOSTILE[number // 10 % len(HOSTILE)] if number % 10 == 0 else BENIGN[number % 2]
    return row[0].replace("{n}", str(number)), row[1]


MOST_SLOTS = 8 + 8 + 16  # parked, running, and those whose jails are still taken apart


def footprint(service):
    """Counts of what a job could leave: processes (the server adopts orphans), mounts, descriptors, files."""
    zygote = service.zygote_pid()
    processes = descendants_of(service.process.pid)
    states = [open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] for pid in processes]
    jailer = jailer_pid(service)
    owners = [service.process.pid, zygote, jailer]
    # There are as many as were ever needed at once; the zygote holds a descriptor of each.
    slots = sum(open(f"/proc/{pid}/comm").read() == "pyexec-slot\n" for pid in processes)
    assert slots <= MOST_SLOTS
    # So are there kept jails, with an init each: not more than slots.
    inits = sum(parent_of(pid) == jailer for pid in processes)
    assert inits <= MOST_SLOTS
    with open(f"/proc/{zygote}/mountinfo") as mounts:
        mount_count = len(mounts.readlines())
    return {
        "processes": len(processes) - slots - inits,
        "zombies": states.count("Z"),
        "mounts": mount_count,
        "descriptors": [len(os.listdir(f"/proc/{pid}/fd")) - slots * (pid == zygote) for pid in owners],
        "files": sorted(glob.glob("/tmp/script*") + os.listdir(f"/proc/{service.process.pid}/root/dev/shm")),
        "sysv": subprocess.check_output(["nsenter", f"--ipc=/proc/{service.process.pid}/ns/ipc", "ipcs"]).count(b"\n"),
    }


def parent_of(pid):
    return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])


def run_share(service, numbers):
    """One client on one connection; the answers it got, by request number."""
    connection = service.connect()
    answers = {}
    for number in numbers:
        script, outcome = script_and_outcome(number)
        limit = {"timeout_ms": 2000} if number % 10 == 0 else {}  # a hostile one
        answer = service.post({"script": script, **limit}, connection)
        slow = number % 10 == 0 and answer.outcome == "time_limit"  # hostile jobs slow each other down
        # 64 processes may be more than the memory of a job, and its group then says why it came to no end.
        bomb = "while True:\n        try: os.fork()" in script and answer.outcome == "memory_limit"
        assert answer.outcome == outcome or slow or bomb, (script, answer)
        if answer.outcome == "ok":
            assert answer.body["result"] == number
        answers[number] = answer.outcome
    connection.close()
    return answers


# Shared memory and System V objects that no other program of the host uses.
PRIVATE = ["unshare", "--mount", "--ipc", "sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh"]


def test_many_jobs_leave_everything_as_it_was(start):
    service = start(command=[*PRIVATE, BUILD / "pyexec-server"], timeout_ms=20000, memory_mb=256)
    assert os.listdir(f"/proc/{service.process.pid}/root/dev/shm") == []
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as executor:
        list(executor.map(lambda n: service.post({"script": script_and_outcome(n)[0], "timeout_ms": 2000}), range(0, 200, 10)))
        service.wait_full()
        before = footprint(service)
        shares = [range(first, JOBS, CLIENTS) for first in range(CLIENTS)]
        results = list(executor.map(lambda numbers: run_share(service, numbers), shares))
    counts = collections.Counter(itertools.chain.from_iterable(share.values() for share in results))
    assert sum(counts.values()) == JOBS, counts
    service.wait_full()

    def as_before():
        try:
            return footprint(service) == before
        except (FileNotFoundError, ProcessLookupError):  # a process ended while it was looked at
            return False

    try:
        service.wait_until(as_before)
    except AssertionError:
        assert footprint(service) == before
    assert service.health()["pool"]["zygote_starts"] == 1
