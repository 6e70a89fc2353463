import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "client/python"))
sys.dont_write_bytecode = True

import pyexec  # noqa: E402
from service import Service  # noqa: E402


# Commands get SIGINT in these tests, and a process that is started in the background would have them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """The client reads these from the environment: a test sets its own."""
    for name in [name for name in os.environ if name.startswith("PYEXEC_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def patient():
    """A server whose jobs end soon only if they are killed."""
    with Service(timeout_ms=600_000) as running:
        yield running


@pytest.fixture
def client(service):
    with pyexec.Client(f"http://{service.host}:{service.port}") as one:
        yield one
