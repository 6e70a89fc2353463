"""Services whose log is read."""

import json
import re
import signal
import threading

import pytest

from service import Service


class Logged(Service):
    """A service whose lines are read as they come."""

    def __init__(self, **knobs):
        super().__init__(log="json", **knobs)
        self.lines = [self.greeting, *self.warnings]
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()

    def stop(self):
        if self.process.stdout.closed:
            return self.process.returncode
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.reader.join(60)
        return super().stop()

    def logged(self):
        """Ends the service; every line is an object. Without the greeting."""
        assert self.stop() == 0 and self.stderr == ""
        entries = [json.loads(line) for line in self.lines]
        assert all(entry["severity"] in ("INFO", "WARNING", "ERROR") and entry["message"] for entry in entries)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["time"]) for entry in entries)
        return entries[1:]


@pytest.fixture
def logged():
    running = []

    def start_one(**knobs):
        running.append(Logged(**knobs))
        return running[-1]

    yield start_one
    for one in running:
        one.stop()
