"""What is called wrongly is named before anything is sent; and what is no answer of the service is told from one."""

import asyncio
import contextlib
import functools
import http.server
import math
import subprocess
import threading
from pathlib import Path

import pyexec
import pytest
from batch_client import CLIENT, environment

SCRIPT = "def main(*a): return 1"


def helper():
    return 1


@pytest.fixture
def nowhere():
    return pyexec.Client("http://127.0.0.1:1")


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda c: c.map(SCRIPT, [1], tools={"f": helper}), "a job with tools needs its caller: use run"),
        (lambda c: c.submit(SCRIPT, tools=[helper]), "a job with tools needs its caller: use run"),
        (lambda c: c.run(SCRIPT, tools=[functools.partial(helper)]), "a tool is partial, which has no name"),
        (lambda c: c.run(SCRIPT, tools=[helper, helper]), "two tools are named helper"),
        (lambda c: c.run(SCRIPT, tools=helper), "a list of functions"),
        (lambda c: pyexec.Client(key=123), "the key is a text, not int"),
        (lambda c: pyexec.Client(8080), "the address is a text, not int"),
        (lambda c: c.session(idle="5"), "idle is a number of seconds, not str"),
        (lambda c: c.job(None), "the name of a job is a text, not NoneType"),
        (lambda c: c.attach(None), "the name of a session is a text"),
        (lambda c: c.use_template(None), "the name of a template is a text"),
        (lambda c: c.attach("s").put(Path("a"), "x"), "the name of a file is a text, not PosixPath"),
        (lambda c: c.attach("s").get(None), "the name of a file is a text"),
        (lambda c: c.attach("s").put("n.txt", 5), "str, bytes or a path, not int"),
        (lambda c: c.attach("s").put("n.txt", [1, 2]), "str, bytes or a path, not list"),
        (lambda c: c.attach("s").put("n.txt", "\ud800"), "half of a surrogate pair"),
        (lambda c: c.run(SCRIPT, files=["a/x.csv", "b/x.csv"]), "two files are named x.csv"),
    ],
    ids=range(17),
)
def test_what_is_wrong_with_a_call_is_named(nowhere, call, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text(folder)
    with pytest.raises(TypeError, match=said):
        call(nowhere)


@pytest.mark.parametrize("timeout", [math.inf, math.nan, True, False, 0, -1, 10**400, 1e300], ids=str)
def test_a_timeout_is_a_finite_number(nowhere, timeout):
    with pytest.raises(ValueError, match="timeout is a number of seconds above 0"):
        nowhere.run(SCRIPT, timeout=timeout)
    with pytest.raises(ValueError, match="timeout is a number of seconds above 0"):
        nowhere.map(SCRIPT, [1], timeout=timeout)
    with pytest.raises(ValueError, match="idle is a number of seconds above 0"):
        nowhere.session(idle=timeout)


def test_a_timeout_may_be_a_number_of_numpy(client):
    numpy = pytest.importorskip("numpy")
    for timeout in (numpy.int64(2), numpy.float32(2.5)):
        assert client.run(SCRIPT, timeout=timeout).result == 1
        assert next(client.map(SCRIPT, [1], timeout=timeout)).result == 1


def test_an_async_client_can_be_used_again_after_it_was_closed(service):
    async def use():
        client = pyexec.AsyncClient(f"http://{service.host}:{service.port}")
        results = []
        for _ in range(2):
            results.append((await client.run(SCRIPT)).result)
            await client.close()
        return results

    assert asyncio.run(use()) == [1, 1]


# MCP ------------------------------------------------------------------------------------------------------------------

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def test_refusals_of_mcp_are_errors_and_its_own_are_messages(start, keys):
    service = start(keys_file=keys)
    url = f"http://{service.host}:{service.port}"
    with pytest.raises(pyexec.Unauthorized):
        pyexec.Client(url, "other").mcp(PING)
    known = pyexec.Client(url, "k3y-one")
    assert known.mcp(PING) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert known.mcp({"a": 1})["error"]["code"] == -32600
    assert known.mcp({"jsonrpc": "2.0", "method": "notifications/initialized"}) is None


def test_mcp_has_patience(start):
    service = start(rate_per_minute=60, rate_burst=2)
    url = f"http://{service.host}:{service.port}"
    patient = pyexec.Client(url)
    assert [patient.mcp(PING)["id"] for _ in range(3)] == [1, 1, 1]
    with pytest.raises(pyexec.RateLimited):
        for _ in range(5):
            pyexec.Client(url, patience=0).mcp(PING)


# What is no pyexec ----------------------------------------------------------------------------------------------------


class Empty(http.server.BaseHTTPRequestHandler):
    """Answers everything with {}."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *_):
        """Says nothing."""


@contextlib.contextmanager
def something_else():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_empty_object_is_no_answer_of_pyexec():
    with something_else() as url:
        with pyexec.Client(url) as client:
            for call in (lambda: client.run(SCRIPT), client.packages, lambda: client.mcp(PING), lambda: client.call_tool("x")):
                with pytest.raises(pyexec.UnexpectedAnswer, match="what answers is no pyexec"):
                    call()
        done = subprocess.run([*CLIENT, "packages"], env=environment(PYEXEC_URL=url), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "") and "what answers is no pyexec" in done.stderr and "Traceback" not in done.stderr
