import os
import tempfile
from pathlib import Path

import pytest

from api_keys import KEY, line
from service import Service
from tool_jobs import jobs_of


@pytest.fixture
def no_job_is_left(request):
    """Each test answers or ends its own."""
    names = {"service", "bounded", "keyed", "impatient"} & set(request.fixturenames)
    before = {name: jobs_of(request.getfixturevalue(name)) for name in names}
    yield
    for name, jobs in before.items():
        request.getfixturevalue(name).wait_until(lambda name=name, jobs=jobs: jobs_of(request.getfixturevalue(name)) == jobs)


@pytest.fixture(scope="module")
def bounded():
    with Service(pool=1, running=1, parked=3, call_bytes=1000, calls=20, timeout_ms=60000) as running:
        yield running


@pytest.fixture(scope="module")
def keyed():
    with tempfile.TemporaryDirectory(prefix="pyexec-test-") as folder:
        os.chmod(folder, 0o755)
        keys = Path(folder) / "keys"
        keys.write_text(line("one", KEY) + line("two", "k3y-two", "running=1") + line("three", "k3y-three", "rate=1", "burst=3"))
        keys.chmod(0o644)
        with Service(pool=1, keys_file=keys, parked_per_key=2, timeout_ms=5000) as running:
            yield running


@pytest.fixture(scope="module")
def impatient():
    with Service(pool=1, call_wait_s=3, timeout_ms=5000) as running:
        yield running
