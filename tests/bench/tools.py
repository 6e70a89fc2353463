"""What a call of a tool costs: a script that makes 1,000 of them, beside trivial requests on a connection that stays
open, and the memory of the server. Wants a quiet machine.

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

CALLS, EACH = 1000, 200
TRIVIAL = {"script": "def main():\n    return 1"}
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

    def trivial_ms(self):
        times = []
        for _ in range(EACH):
            began = time.perf_counter()
            self.post("/execute", TRIVIAL)
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with Service() as service:
        client = Client(service)
        client.call_ms()
        before, ratios = resident_mib(service), []
        for number in range(1, rounds + 1):
            trivial, call = client.trivial_ms(), client.call_ms()
            ratios.append(call / trivial)
            print(f"round {number}: a trivial request {trivial:.2f} ms, a call {call:.2f} ms: {call / trivial:.2f}")
        grown = resident_mib(service) - before
        print(f"a call against a trivial request, median of {rounds} rounds: {statistics.median(ratios):.2f}; the server has grown by {grown:.1f} MiB in {rounds * CALLS} calls")


if __name__ == "__main__":
    main()
