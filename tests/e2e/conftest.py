import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.dont_write_bytecode = True

from api_keys import keys  # noqa: E402, F401: a fixture
from levels import at, programs, shm  # noqa: E402, F401: fixtures
from logged import logged  # noqa: E402, F401: a fixture
from service import TIMEOUT_MS, Service  # noqa: E402


def pytest_configure(config):
    """Each run has a directory of its own: pytest closes the one that all runs share to other users when a run begins, and
    servers of another one read files there."""
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="pyexec-pytest-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="making jails of level 3 needs root"))


@pytest.fixture(scope="session")
def service():
    """One server for all tests that leave it as they found it. Short deadlines."""
    with Service(timeout_ms=TIMEOUT_MS) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_runs(request):
    """The jail of a job that another test ran may outlast its answer: a test counts its own jobs only."""
    for name in request.fixturenames:
        if name not in ("request", "nothing_runs") and isinstance(shared := request.getfixturevalue(name), Service):
            shared.wait_idle()


@pytest.fixture
def start():
    """Starts servers with knobs of their own; each must end with exit code 0."""
    running = []

    def start_one(**knobs):
        running.append(Service(**knobs))
        return running[-1]

    yield start_one
    for one in running:
        assert one.stop() == 0, one.stderr


@pytest.fixture(scope="module")
def document(service):
    """What the service says of its API."""
    return json.loads(service.request("GET", "/openapi.json").raw)
