"""Runs the command `batch` of the client."""

import collections
import json
import os
import subprocess
from pathlib import Path

PYEXEC = Path(__file__).resolve().parents[3] / "client/python/pyexec.py"
# CLIENT_PYTHON: another release of Python to run it with.
CLIENT = (os.environ.get("CLIENT_PYTHON", "/usr/bin/python3"), "-B", str(PYEXEC))
SQUARE = "def main(n):\n    return n * n"
# How long a test waits for something that happens soon by itself.
PATIENCE_SECONDS = 120


def environment(**variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYEXEC_")}
    return {**kept, **variables}


def start_client(url, *arguments, key="", **streams):
    return subprocess.Popen(
        [*CLIENT, "batch", *map(str, arguments)],
        env=environment(PYEXEC_URL=url, **({"PYEXEC_KEY": key} if key else {})),
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


class Done:
    def __init__(self, code, stdout, stderr):
        self.code, self.text, self.stderr = code, stdout.decode(), stderr.decode()

    @property
    def answers(self):
        return [json.loads(line) for line in self.text.split("\n") if line]

    def __repr__(self):
        return f"<{self.code} {self.stderr} {self.text[:2000]}>"


def client(url, *arguments, jobs=None, key=""):
    text = None if jobs is None else as_lines(jobs)
    process = start_client(url, *arguments, key=key, stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL)
    out, err = process.communicate(text, timeout=PATIENCE_SECONDS)
    return Done(process.returncode, out, err)


def as_lines(jobs):
    return "".join(json.dumps(job) + "\n" for job in jobs).encode()


def url_of(service):
    return f"http://{service.host}:{service.port}"


def squares(count):
    return [{"script": SQUARE, "id": i, "args": [i]} for i in range(count)]


def check_squares(answers, count):
    """Checks that each job is answered once, with its own result and index."""
    assert collections.Counter(a["id"] for a in answers) == {i: 1 for i in range(count)}
    for answer in answers:
        assert answer["outcome"] == "ok", answer
        assert answer["index"] == answer["id"]
        assert answer["result"] == answer["id"] ** 2
