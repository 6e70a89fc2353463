"""What a call of a tool costs: a script that makes 1,000 of them, beside trivial requests on a connection that stays
open, and the memory of the server. Then what jobs that wait cost those that run: requests beside eight jobs that wait
for their caller, and whose processes use the processor meanwhile. Wants a quiet machine.

usage: tests/bench/tools.py [--rounds N]        (BUILD_DIR: the build; as root, for level 4)
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

CALLS, EACH, FEW, WAITING = 1000, 200, 10, 8
TRIVIAL = {"script": "def main():\n    return 1"}
COMPUTING = {"code": "sum(range(4_000_000))"}
BURNING = {"code": "import os\nfor _ in range(2):\n    if os.fork() == 0:\n        while True: pass\nf()", "tools": ["f"]}
CALLING = {"script": f"def main():\n    return sum(f(n) for n in range({CALLS}))", "tools": ["f"]}


def resident_mib(service):
    (line,) = (line for line in Path(f"/proc/{service.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Client:
    def __init__(self, service):
        self.connection = service.connect()

    def post(self, path, body):
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        return json.loads(data)

    def median_ms(self, body, count):
        times = []
        for _ in range(count):
            began = time.perf_counter()
            self.post("/execute", body)
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e3

    def call_ms(self):
        times = []
        answer = self.post("/execute", CALLING)
        while answer.get("outcome") == "calls":
            results = [{"id": call["id"], "result": call["args"][0]} for call in answer["calls"]]
            began = time.perf_counter()
            answer = self.post("/execute/continue", {"continue": answer["continue"], "results": results})
            times.append(time.perf_counter() - began)
        assert (answer["result"], len(times)) == (sum(range(CALLS)), CALLS), answer
        return statistics.median(times) * 1e3


def beside_waiting_jobs(service, rounds):
    """Requests alone, then beside the jobs that wait: trivial ones, and ones that compute."""
    client, other = Client(service), Client(service)
    kinds = {"trivial": (TRIVIAL, EACH), "computing": (COMPUTING, FEW)}
    ratios = {kind: [] for kind in kinds}
    for number in range(1, rounds + 1):
        alone = {kind: client.median_ms(*what) for kind, what in kinds.items()}
        tokens = [other.post("/execute", BURNING)["continue"] for _ in range(WAITING)]
        beside = {kind: client.median_ms(*what) for kind, what in kinds.items()}
        for token in tokens:
            other.post("/execute/continue", {"continue": token, "results": [{"id": 1, "result": 0}]})
        for kind in kinds:
            ratios[kind].append(beside[kind] / alone[kind])
            print(f"round {number}: a {kind} request alone {alone[kind]:.2f} ms, beside {WAITING} jobs that wait {beside[kind]:.2f} ms: {ratios[kind][-1]:.2f}")
    print(f"beside jobs that wait, medians of {rounds} rounds:", ", ".join(f"{kind} {statistics.median(times):.2f}" for kind, times in ratios.items()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with Service() as service:
        client = Client(service)
        client.call_ms()
        before, ratios = resident_mib(service), []
        for number in range(1, rounds + 1):
            trivial, call = client.median_ms(TRIVIAL, EACH), client.call_ms()
            ratios.append(call / trivial)
            print(f"round {number}: a trivial request {trivial:.2f} ms, a call {call:.2f} ms: {call / trivial:.2f}")
        grown = resident_mib(service) - before
        print(f"a call against a trivial request, median of {rounds} rounds: {statistics.median(ratios):.2f}; the server has grown by {grown:.1f} MiB in {rounds * CALLS} calls")
        beside_waiting_jobs(service, rounds)


if __name__ == "__main__":
    main()
