"""Starts a real pyexec-server on loopback and talks to it. Used by the end-to-end tests and benchmarks."""

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

try:
    from openapi import document_of
except ModuleNotFoundError:  # without python3-jsonschema the form of answers is not checked
    document_of = None

BUILD = Path(os.environ.get("BUILD_DIR", Path(__file__).resolve().parents[3] / "build"))
STARTUP_SECONDS = 60
TIMEOUT_MS = 3000  # of services whose scripts reach it


def child(pid, name):
    return int(subprocess.check_output(["pgrep", "-P", str(pid), "-x", name]).split()[0])


class Answer:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def body(self):
        return json.loads(self.raw)

    @property
    def outcome(self):
        return self.headers.get("Pyexec-Outcome")

    def __repr__(self):
        return f"<{self.status} {self.outcome} {self.raw[:600]!r}>"


def answers_in(received):
    """Yields the answers in the bytes of a connection, except 100 Continue. A cut-off answer is an error."""

    class Connection:
        def makefile(self, *_):
            return stream

    class Kept(io.BytesIO):
        def close(self):
            """Does nothing: the first response must not close the stream."""

    stream = Kept(received)
    while stream.tell() < len(received):
        response = http.client.HTTPResponse(Connection())
        response.begin()
        yield Answer(response.status, response.headers, response.read())


class Service:
    """A running server. Knobs are PYEXEC_* variables without the prefix, in lower case. command: what starts it."""

    def __init__(self, command=(BUILD / "pyexec-server",), **knobs):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYEXEC_") and k != "PORT"}
        environment.update({f"PYEXEC_{name.upper()}": str(value) for name, value in knobs.items()})
        environment.setdefault("PYEXEC_PORT", "0")
        environment.setdefault("PYEXEC_LOG", "quiet")  # nobody reads it while the service runs
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.greeting, self.warnings, match = "", [], None
        for self.greeting in self.process.stdout:
            if match := re.search(r"listening on http://([\d.]+):(\d+)", self.greeting):
                break
            self.warnings.append(self.greeting)
        if not match:
            self.process.wait(STARTUP_SECONDS)
            raise RuntimeError(f"the server did not start: {self.process.stderr.read()}")
        self.host, self.port = match[1], int(match[2])
        self.openapi = self.fetch("/openapi.json") if document_of else None

    def connect(self, timeout=60):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None):
        own = connection or self.connect()
        try:
            own.request(method, path, body, headers or {})
            response = own.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            if connection is None:
                own.close()
        self.check(method, path, answer, body)
        return answer

    def fetch(self, path):
        connection = self.connect()
        connection.request("GET", path)
        body = connection.getresponse().read()
        connection.close()
        return body

    def check(self, method, path, answer, body=None):
        """Checks that the service's own document allows the answer, and the request if it became a job."""
        if document_of is not None:
            document_of(self.openapi).check_answer(method, path, answer)
            document_of(self.openapi).check_accepted(method, path, body, answer)

    def check_raw(self, sent, received):
        """Checks raw bytes in the same way: all answers to a request, or to several like the first."""
        first = re.match(rb"([A-Z]+) (\S+) HTTP/1\.[01]\r\n", sent)
        for answer in answers_in(received) if document_of is not None else ():
            if answer.status in (400, 431) and answer.outcome is None:
                document_of(self.openapi).check_error(answer, "malformed")
            else:
                self.check(first[1].decode(), first[2].decode(), answer)

    def post(self, body, connection=None):
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.request("POST", "/execute", data, {"Content-Type": "application/json"}, connection)

    def execute(self, script, connection=None):
        return self.post({"script": script}, connection)

    def health(self):
        return self.request("GET", "/health").body

    def launcher_pid(self):
        return child(self.process.pid, "pyexec-launcher")

    def zygote_pid(self):
        return child(self.launcher_pid(), "pyexec-zygote")

    def wait_until(self, condition, seconds=20):
        """Polls until the server reaches a state by itself. Raises AssertionError if it does not."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not reached within {seconds} s: {condition}")
            time.sleep(0.01)

    def wait_idle(self):
        """Waits for the jails of jobs that were already answered."""
        self.wait_until(lambda: self.health()["pool"]["running"] == 0)

    def wait_full(self):
        def full():
            pool = self.health()["pool"]
            return pool["ready"] == pool["target"] and pool["running"] == 0

        self.wait_until(full)

    def stop(self):
        """Sends SIGTERM. Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        if self.process.stderr.closed:
            return code  # it was stopped before
        self.stderr = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        code = self.stop()
        if sys.exc_info()[0] is None:
            assert code == 0, f"the server exited with {code}: {self.stderr}"
