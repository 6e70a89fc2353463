"""The clients: pyexec-load for single requests, the command `batch` for files of jobs; both run in the background."""

import contextlib
import json
import os
import subprocess
import threading
import time

from instance import BUILD, HERE

SCRIPTS = HERE.parent / "bench/scripts"
BATCH = ("/usr/bin/python3", "-B", HERE.parents[1] / "client/python/pyexec.py", "batch")
BATCH_SCRIPT = "def main(n): return n * n"
END_SECONDS = 90


def script(name):
    """Of tests/bench/scripts, with the answer that must come."""
    return ["--script", SCRIPTS / f"{name}.py", "--answer", SCRIPTS / f"{name}.json"]


def clean(environment):
    return {k: v for k, v in environment.items() if not k.startswith("PYEXEC_")}


class Singles:
    """pyexec-load; its words on what became of every request are the result."""

    def __init__(self, port, what, *mode):
        command = [BUILD / "pyexec-load", port, *what, *mode]
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, start_new_session=True)

    def result(self, seconds):
        """seconds: that it is meant to take."""
        try:
            out, err = self.process.communicate(timeout=seconds + END_SECONDS)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"pyexec-load did not end within {seconds + END_SECONDS:.0f} s")
        finally:
            self.kill()
        if self.process.returncode != 0:
            raise SystemExit(err[-2000:])
        said = json.loads(out.splitlines()[-1])
        if err:
            said["first_wrong_answer"] = err[:2000]
        return said

    def end(self):
        """Of an open loop: no more requests; those that are out are waited for."""
        self.process.terminate()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def run_singles(port, what, *mode):
    seconds = float(mode[mode.index("--seconds") + 1]) if "--seconds" in mode else 0
    with Singles(port, what, *mode) as running:
        return running.result(seconds)


def lost(said):
    """Requests that were sent and did not get the right answer, or a refusal that says when to try again."""
    return said["wrong"] + said["failed"]


class Batch:
    """The command `batch`, fed with jobs until `end`."""

    def __init__(self, port, directory, window=100):
        self.output = directory / f"batch-{time.monotonic_ns()}.ndjson"
        self.output.touch()
        self.errors = self.output.with_suffix(".txt").open("w+")
        self.process = subprocess.Popen(
            [*BATCH, "--url", f"http://127.0.0.1:{port}", "--output", self.output, "--window", str(window), "-",
             "--retry-seconds", str(END_SECONDS)], env=clean(os.environ), stdin=subprocess.PIPE, stderr=self.errors,
            text=True, start_new_session=True)
        self.sent, self.ending = 0, threading.Event()
        self.begin = time.monotonic()
        self.feeder = threading.Thread(target=self.feed, daemon=True)
        self.feeder.start()

    def feed(self):
        """Its standard input takes no more than the window has room for, and what fits a pipe."""
        with contextlib.suppress(BrokenPipeError), self.process.stdin as jobs:
            jobs.write(json.dumps({"defaults": True, "script": BATCH_SCRIPT}) + "\n")
            while not self.ending.is_set():
                jobs.write(json.dumps({"id": self.sent, "args": [self.sent], "stdin": "x" * 1000}) + "\n")
                jobs.flush()
                self.sent += 1

    def done(self):
        with self.output.open("rb") as answers:
            return sum(1 for _ in answers)

    def end(self):
        """All that were read are answered; says what came of it."""
        self.ending.set()
        try:
            code = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        seconds = time.monotonic() - self.begin
        self.kill()
        self.feeder.join(END_SECONDS)
        self.errors.seek(0)
        said = self.errors.read()[-2000:].strip()
        return self.count() | {"exit_code": code, "said": said, "seconds": seconds}

    def count(self):
        seen, wrong = set(), 0
        with self.output.open() as answers:
            for line in answers:
                answer = json.loads(line)
                wrong += answer.get("result") != answer["id"] ** 2 or answer["id"] in seen
                seen.add(answer["id"])
        return {"jobs": self.sent, "right": len(seen) - wrong, "lost": wrong + self.sent - len(seen)}

    def kill(self):
        self.ending.set()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.feeder.join(END_SECONDS)
        self.errors.close()
