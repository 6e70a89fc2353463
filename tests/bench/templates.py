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


def frame(mib, texts=False):
    """Code that reads a DataFrame of this size: of numbers, or half of it texts, each of which is an object of its own."""
    parts = max(1, mib // 100)  # reading takes several times the memory
    rows = mib // parts * 1024 * 1024 // (112 if texts else 32)
    columns, last = ("a,b,c,text", "hex(n)") if texts else ("a,b,c,d", "n")
    return (f"import io, pandas as pd\nsome = [f'{{n % 9}},{{n / 7}},{{n / 3}},{{{last}}}' for n in range(10000)]\n"
            f"text = '\\n'.join(['{columns}'] + some * {rows // 10000 + 1})\nframe = pd.concat([pd.read_csv(io.StringIO(text), nrows={rows})] * {parts}, ignore_index=True)\ndel text\n"
            "def ask(): return float(frame.b.iat[7])\n")


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
    with Service(pool=8, memory_mb=4096, session_memory_mb=8192) as service:
        client = Client(service)
        codes = {"nothing": "def ask(): return 1"} | {f"{mib} MiB": frame(mib) for mib in SIZES} | {"100 MiB, texts": frame(100, True)}
        names = {}
        for what, code in codes.items():
            began = time.perf_counter()
            names[what] = client("PUT", "/templates", {"code": code})["template"]
            (shown,) = (one for one in client("GET", "/templates")["templates"] if one["template"] == names[what])
            print(f"{what}: the set-up takes {time.perf_counter() - began:.2f} s, and its jail {shown['memory_bytes'] / 2**20:.0f} MiB")
        ratios = {what: [] for what in names}
        gains = []
        for number in range(1, rounds + 1):
            job = client.median_ms(TRIVIAL)
            row = {what: client.median_ms({"template": name, "call": "ask"}) for what, name in names.items()}
            brought = client.median_ms({"code": codes["100 MiB"] + "ask()", "memory_mb": 4096}, 3)
            gains.append(brought / row["100 MiB"])
            for what, ms in row.items():
                ratios[what].append(ms / job)
            print(f"round {number}: a trivial job {job:.2f} ms; on a template of " + "; ".join(f"{what} {ms:.2f} ms" for what, ms in row.items())
                  + f"; with the set-up of 100 MiB in the request {brought:.0f} ms")
        print(f"against a trivial job, medians of {rounds} rounds: " + "; ".join(f"{what} {statistics.median(one):.2f}" for what, one in ratios.items()))
        print(f"against a request that brings the set-up of 100 MiB along: {statistics.median(gains):.0f} times as fast")


main()
