"""A pyexec-server that can be stopped and started again on its port, with its output in a file: nobody reads a pipe
for as long as these run."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in ("bench", "e2e/support"):
    sys.path.append(str(HERE.parent / folder))

from service import BUILD, STARTUP_SECONDS, Service  # noqa: E402

FIRST_PORT, LAST_PORT = 18100, 30000  # below those that the kernel gives to outgoing connections
STOP_SECONDS = 60
_next_port = iter(range(FIRST_PORT + os.getpid() % 5000, LAST_PORT))


def free_port():
    """One that stays free while nobody listens on it, as no outgoing connection is given it."""
    for port in _next_port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise SystemExit(f"no free port between {FIRST_PORT} and {LAST_PORT}")


class Instance(Service):
    """directory: for its output. knobs: as those of Service; PYEXEC_* variables of the caller are passed on as well."""

    def __init__(self, directory, **knobs):
        self.port, self.host, self.openapi = free_port(), "127.0.0.1", None
        self.log = Path(directory) / f"instance-{self.port}.log"
        self.environment = {k: v for k, v in os.environ.items() if k not in ("PORT", "PYEXEC_PORT")}
        self.environment |= {f"PYEXEC_{name.upper()}": str(value) for name, value in knobs.items()}
        self.environment["PYEXEC_PORT"] = str(self.port)
        self.process = None
        self.start()

    def check(self, *_):
        """Of load the answers are compared, not held against the service's document."""

    def start(self):
        """Until it is ready: its greeting comes when the port is open, and that when the pool is full."""
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C is for who started this.
            self.process = subprocess.Popen([BUILD / "pyexec-server"], env=self.environment, stdout=log, stderr=log,
                                            start_new_session=True)
        try:
            self.wait_started()
        except BaseException:  # Ctrl-C too: nobody else knows of it yet
            self.end()
            raise

    def wait_started(self):
        deadline = time.monotonic() + STARTUP_SECONDS
        while not re.search(rf"http://[\d.]+:{self.port}\b", self.log.read_text(errors="replace")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"an instance did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_stopped(self):
        """After terminate. A server that does not end is a failure of its own."""
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise SystemExit(f"an instance did not end within {STOP_SECONDS} s of SIGTERM")
        if code != 0:
            raise SystemExit(f"an instance ended with {code}: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.terminate()
        self.wait_stopped()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self):
        """In whatever state it is: it takes its jails apart itself, if it can."""
        if self.process.poll() is None:
            self.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.end()
