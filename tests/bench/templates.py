"""What a job on a template costs, beside a job of /execute, and beside a job that brings the set-up along; by size of
what the set-up has left. Wants a quiet machine.

usage: tests/bench/templates.py [--rounds N]        (BUILD_DIR: the build; as root, for level 4)
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e" / "support"))
sys.dont_write_bytecode = True

from service import Service  # noqa: E402

EACH = 150
SIZES = (10, 100, 500)  # MiB
TRIVIAL = {"script": "def main():\n    return 1"}


def frame(mib):
    """Code that makes a DataFrame of this size, of numbers and texts, as one that is read from a file would be."""
    rows = mib * 1024 * 1024 // 80
    return ("import numpy as np, pandas as pd\nrandom = np.random.default_rng(1)\n"
            f"rows = {rows}\nframe = pd.DataFrame({{'a': random.integers(0, 9, rows), 'b': random.random(rows), 'c': random.random(rows),"
            " 'text': np.array([f'name {n}' for n in range(rows)], dtype=object)})\n"
            "def ask(): return float(frame.b[:1000].sum())\n")


class Client:
    def __init__(self, service):
        self.connection = service.connect()

    def __call__(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status < 300, data
        return json.loads(data) if data else None

    def median_ms(self, body, count=EACH):
        times = []
        for _ in range(count):
            began = time.perf_counter()
            self("POST", "/execute", body)
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with Service(pool=8, memory_mb=2048, session_memory_mb=4096) as service:
        client = Client(service)
        names = {0: client("PUT", "/templates", {"code": "def ask(): return 1"})["template"]}
        for mib in SIZES:
            began = time.perf_counter()
            names[mib] = client("PUT", "/templates", {"code": frame(mib)})["template"]
            print(f"{mib} MiB: the set-up takes {time.perf_counter() - began:.2f} s")
        for shown in client("GET", "/templates")["templates"]:
            print(f"a jail of {next(mib for mib, name in names.items() if name == shown['template'])} MiB takes {shown['memory_bytes'] / 2**20:.0f} MiB")
        ratios = {mib: [] for mib in names}
        gains = []
        for number in range(1, rounds + 1):
            job = client.median_ms(TRIVIAL)
            row = {mib: client.median_ms({"template": name, "call": "ask"}) for mib, name in names.items()}
            brought = client.median_ms({"code": frame(100) + "ask()", "memory_mb": 2048}, 3)
            gains.append(brought / row[100])
            for mib, ms in row.items():
                ratios[mib].append(ms / job)
            print(f"round {number}: a trivial job {job:.2f} ms; on a template of " + ", ".join(f"{mib} MiB {ms:.2f} ms" for mib, ms in row.items())
                  + f"; with the set-up of 100 MiB in the request {brought:.0f} ms")
        print(f"against a trivial job, medians of {rounds} rounds: " + ", ".join(f"{mib} MiB {statistics.median(one):.2f}" for mib, one in ratios.items()))
        print(f"against a request that brings the set-up of 100 MiB along: {statistics.median(gains):.0f} times as fast")


main()
