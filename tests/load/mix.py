"""What the soak sends: kinds of jobs, each with the share of the CPU time that it is to take, and the odd ones."""

import contextlib
import http.client
import json
import subprocess
import threading
import time

from clients import BATCH, BATCH_SCRIPT, clean, script
from instance import HERE

# kind: what pyexec-load posts and expects, and its share of the CPU time
SCRIPTS = HERE / "scripts"
MIX = {
    "trivial": (script("trivial"), 0.35),
    "pandas series": (script("series"), 0.25),
    "DataFrame correlation": (script("correlation"), 0.2),
    "raises": (["--script", SCRIPTS / "raises.py", "--outcome", "exception"], 0.1),
    "prints": (["--script", SCRIPTS / "prints.py", "--answer", SCRIPTS / "prints.json"], 0.1),
}

LIVE = "import time\ndef main():\n    for i in range(3):\n        print(i, flush=True)\n        time.sleep(0.05)\n    return 'done'"
ENDLESS = "def main():\n    while True: pass"
# kind: seconds between two
ODD = {"time limit": 5.0, "live": 2.0, "batch": 20.0}
BATCH_JOBS = 100
HEADERS = {"Content-Type": "application/json"}


class Refused(Exception):
    """With 429, and when to try again."""


def time_limit(port, _directory):
    """Killed, and the answer says so."""
    status, headers, _ = post(port, {"script": ENDLESS, "timeout_ms": 300}, HEADERS)
    return status == 422 and headers.get("Pyexec-Outcome") == "time_limit"


def live(port, _directory):
    status, _, body = post(port, {"script": LIVE}, HEADERS | {"Accept": "text/event-stream"})
    events = [block.split("\n") for block in body.decode().split("\n\n") if block.startswith("event:")]
    last = json.loads(events[-1][1].removeprefix("data: ")) if events else {}
    printed = "".join(json.loads(data.removeprefix("data: "))["text"] for name, data in events if name == "event: stdout")
    return status == 200 and printed == "0\n1\n2\n" and last.get("outcome") == "ok"


def batch(port, directory):
    lines = [{"defaults": True, "script": BATCH_SCRIPT}] + [{"id": n, "args": [n]} for n in range(BATCH_JOBS)]
    jobs, answers = directory / "jobs.ndjson", directory / "answers.ndjson"
    jobs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = subprocess.run([*BATCH, "--url", f"http://127.0.0.1:{port}", "--quiet", "-o", answers, jobs],
                          env=clean({}), timeout=120, capture_output=True, start_new_session=True)
    found = {line["id"]: line.get("result") for line in map(json.loads, answers.read_text().splitlines())}
    return done.returncode == 0 and found == {n: n * n for n in range(BATCH_JOBS)}


def post(port, body, headers):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/execute", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status == 429 and response.headers.get("Retry-After"):
            raise Refused
        return response.status, response.headers, response.read()


class Odd:
    """Those that come now and then, a thread a kind."""

    def __init__(self, port, directory):
        self.ending = threading.Event()
        self.counts = {kind: {"sent": 0, "refused": 0, "lost": 0} for kind in ODD}
        actions = {"time limit": time_limit, "live": live, "batch": batch}
        self.threads = [threading.Thread(target=self.repeat, args=(kind, actions[kind], port, directory), daemon=True) for kind in ODD]
        for thread in self.threads:
            thread.start()

    def repeat(self, kind, action, port, directory):
        while not self.ending.wait(ODD[kind]):
            self.counts[kind]["sent"] += 1
            try:
                self.counts[kind]["lost"] += not action(port, directory)
            except Refused:
                self.counts[kind]["refused"] += 1
            except (OSError, ValueError, KeyError, http.client.HTTPException, subprocess.TimeoutExpired) as error:
                print(f"{time.strftime('%H:%M:%S')} {kind}: {error!r}", flush=True)
                self.counts[kind]["lost"] += 1

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(130)
        return self.counts
