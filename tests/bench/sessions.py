"""What sessions cost: a cell beside a job of /execute, an idle session's memory and processor time, and what a thousand
sessions leave behind. Wants a quiet machine.

usage: tests/bench/sessions.py [--rounds N] [--sessions N]        (BUILD_DIR: the build; as root, for level 4)
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e" / "support"))
sys.dont_write_bytecode = True

from processes import descendants_of, name_of  # noqa: E402
from service import Service  # noqa: E402

EACH = 150
IDLE = 100


class Client:
    """One connection, without checks of the answers' form."""

    def __init__(self, service):
        self.connection = service.connect()

    def __call__(self, method, path, body=None):
        headers = {} if body is None else {"Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status < 300, data
        return json.loads(data) if data else None

    def median_ms(self, *request):
        times = []
        for _ in range(EACH):
            began = time.perf_counter()
            self("POST", *request)
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e3


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def compare(rounds):
    with Service(pool=8) as service:
        client = Client(service)
        cells = f"/sessions/{client('POST', '/sessions')['session']}/execute"
        ratios = []
        for number in range(1, rounds + 1):
            job = client.median_ms("/execute", {"script": "def main():\n    return 1"})
            cell = client.median_ms(cells, {"code": "1"})
            ratios.append(cell / job)
            print(f"round {number}: job {job:.2f} ms, cell {cell:.2f} ms, ratio {cell / job:.2f}")
        print(f"a trivial cell, its state kept, against a trivial job, median of {rounds} rounds: {statistics.median(ratios):.2f}")
        for mib in (10, 100, 500):
            size = {"code": f"import numpy\nheld = numpy.ones({mib} << 17)"}
            client("POST", cells, size | {"at": 0})
            print(f"a cell on a state of {mib} MiB: {client.median_ms(cells, {'code': 'float(held[0])'}):.2f} ms")


def idle():
    with Service(pool=8, sessions=IDLE, sessions_per_key=IDLE) as service:
        client = Client(service)
        names = [client("POST", "/sessions", {"code": "x = 1"})["session"] for _ in range(IDLE)]
        for name in names:
            client("POST", f"/sessions/{name}/execute", {"code": "x += 1"})
        memory = [client("GET", f"/sessions/{name}")["memory_bytes"] for name in names]
        if None not in memory:
            print(f"{IDLE} idle sessions of two states: {statistics.median(memory) / 2**20:.1f} MiB each, by the kernel's count")
        pids = descendants_of(service.process.pid) + [service.process.pid]
        before = cpu_seconds(pids)
        time.sleep(5)
        print(f"their processor time, with all of the service, in 5 s: {cpu_seconds(pids) - before:.2f} s")


def come_and_go(sessions):
    with Service(pool=4, sessions=50, sessions_per_key=50, session_idle_s=1) as service:
        client = Client(service)
        began = time.monotonic()
        for _ in range(sessions):
            while True:
                try:
                    name = client("POST", "/sessions")["session"]
                    break
                except AssertionError:  # as many as may be: others expire
                    time.sleep(0.05)
            client("POST", f"/sessions/{name}/execute", {"code": "x = 1"})
        print(f"{sessions} sessions opened, used and left to expire: {time.monotonic() - began:.0f} s")
        service.wait_until(lambda: client("GET", "/sessions") == {"sessions": []})
        service.wait_until(lambda: sum(name_of(pid) == "pyexec-worker" for pid in descendants_of(service.process.pid)) <= 4)
        left = [name_of(pid) for pid in descendants_of(service.process.pid)]
        print("left:", ", ".join(f"{left.count(name)} {name}" for name in sorted(set(left))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=1000)
    arguments = parser.parse_args()
    compare(arguments.rounds)
    idle()
    come_and_go(arguments.sessions)


main()
