"""A service with small limits, and clients of both eras of the Model Context Protocol."""

import pytest

from api_keys import KEY, line
from mcp import ERAS, HANDSHAKE, Client, texts
from service import TIMEOUT_MS, Service


NOTHING = "(no output, and the last line has no value)"
HANDSHAKES = ["2025-11-25", "2025-06-18", "2025-03-26"]
PAGE = "https://pages.example"
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
PRINT_FOREVER = "import time\nprint('begun\\n', end='')\ntime.sleep(1000)"  # in one write
OUTPUT_BYTES, RETURN_FILES, SCRIPT_BYTES, INPUT_BYTES = 1 << 16, 5, 20_000, 20_000
KNOBS = {"timeout_ms": TIMEOUT_MS, "output_bytes": OUTPUT_BYTES, "return_files": RETURN_FILES, "script_bytes": SCRIPT_BYTES, "input_bytes": INPUT_BYTES}
CANCELLED = 'pyexec_jobs_total{outcome="cancelled"}'
ONE, TWO = ({"Authorization": f"Bearer {key}"} for key in (KEY, "k3y-two"))


@pytest.fixture(scope="module")
def service():
    with Service(pool=4, cors_origins=PAGE, **KNOBS) as running:
        yield running


@pytest.fixture(scope="module")
def patient():
    """Its jobs end when nobody waits for them, and not before."""
    with Service(pool=2, ping_ms=20, timeout_ms=600_000) as running:
        yield running


@pytest.fixture(params=ERAS)
def client(request, service):
    return Client(service, request.param)


@pytest.fixture
def new(service):
    """A client of the stateless era."""
    return Client(service)


@pytest.fixture
def old(service):
    return Client(service, HANDSHAKE)


@pytest.fixture
def session(new):
    """The handle of a session, in which nothing has run but `x = 1`."""
    handle = new.run("x = 1", session="new")["structuredContent"]["session"]
    yield handle
    new.service.request("DELETE", f"/sessions/{handle}")


def session_of(result):
    assert texts(result)[-1] == f"session: {result['structuredContent']['session']}"
    return result["structuredContent"]["session"]
