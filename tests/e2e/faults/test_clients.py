"""Clients that leave, stall or stop half way, at each point of a request: none keeps a worker, none keeps another waiting."""

import gzip
import json
import os
import resource
import signal
import socket
import struct

import pytest

from raw_http import raw, raw_request
from request_parts import JSON, OK
from service import Service
from state import Scrape, open_sockets, pool_of

FOREVER = "import time\ndef main():\n    print('begun', flush=True)\n    time.sleep(1000)"
BODY = json.dumps({"script": FOREVER}).encode()
LINE = BODY + b"\n"


def head(path="/execute", kind="application/json", accept="*/*", framing=f"Content-Length: {len(BODY)}"):
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAccept: {accept}\r\n{framing}\r\n\r\n".encode()


BATCH = head("/execute/batch", "application/x-ndjson", framing="Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(LINE), LINE)
# What has been sent when the client goes, and whether a job runs by then.
POINTS = {
    "connected": (b"", False),
    "in the request line": (b"POST /exe", False),
    "in the header": (head()[:40], False),
    "after the header": (head(), False),
    "in the body": (head() + BODY[:20], False),
    "in a chunk": (head(framing="Transfer-Encoding: chunked") + b"5\r\n{\"s", False),
    "the job runs": (head() + BODY, True),
    "the job runs, and another request is sent": (head() + BODY + head()[:50], True),
    "the job runs, and two whole requests are sent": ((head() + BODY) * 3, True),
    "the job is told live": (head(accept="text/event-stream") + BODY, True),
    "the job is told live as lines": (head(accept="application/x-ndjson") + BODY, True),
    "in a batch": (BATCH, True),
    "in a line of a batch": (BATCH + b"5\r\n{\"s", True),
    "a batch waits for its place": (BATCH * 1 + b"%x\r\n%s\r\n" % (9 * len(LINE), 9 * LINE), True),
    "after a batch": (BATCH + b"0\r\n\r\n", True),
}


@pytest.fixture(scope="module")
def patient():
    """One that gives jobs and senders all the time they want: what frees a worker here is the client's going."""
    with Service(pool=2, running=2, timeout_ms=600_000, read_timeout_ms=600_000, idle_timeout_ms=600_000) as running:
        yield running


@pytest.mark.parametrize("how", ["close", "reset", "half close"])
@pytest.mark.parametrize("point", POINTS)
def test_a_client_that_goes_frees_its_worker(patient, point, how):
    sent, runs = POINTS[point]
    patient.wait_until(lambda: pool_of(patient)["running"] == 0)
    client = socket.create_connection((patient.host, patient.port), 30)
    client.sendall(sent)
    if runs:
        patient.wait_until(lambda: pool_of(patient)["running"] >= 1)
    if how == "half close":
        client.shutdown(socket.SHUT_WR)
    else:
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    patient.wait_until(lambda: pool_of(patient)["running"] == 0)
    patient.wait_until(lambda: open_sockets(patient) == 0)
    client.close()


@pytest.mark.parametrize("point", [point for point, (_, runs) in POINTS.items() if not runs])
def test_a_client_that_stalls_has_no_worker_and_is_cut_off(start, point):
    service = start(pool=1, read_timeout_ms=1000, idle_timeout_ms=1000)
    client = socket.create_connection((service.host, service.port), 30)
    client.sendall(POINTS[point][0])
    assert service.execute(OK).status == 200
    service.wait_until(lambda: pool_of(service)["running"] == 0)
    received = b""
    while piece := client.recv(4096):  # until the server ends it
        received += piece
    assert b"200 OK" not in received
    client.close()


def test_a_batch_that_stalls_is_cut_off_with_its_jobs(start):
    service = start(pool=1, timeout_ms=600_000, read_timeout_ms=1000, idle_timeout_ms=1000)
    client = socket.create_connection((service.host, service.port), 30)
    client.sendall(BATCH)
    service.wait_until(lambda: Scrape(service)["pyexec_jobs_total", "cancelled"] == 1)
    service.wait_until(lambda: pool_of(service)["running"] == 0)
    client.close()


def talk(service, data):
    """All that comes back, whole or not."""
    with socket.create_connection((service.host, service.port), 20) as client:
        client.sendall(data)
        return b"".join(iter(lambda: client.recv(65536), b""))


SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines, body",
    [
        (b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), (b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"),
        (b"Content-Length: 0\r\nContent-Length: 30", b""), (b"Content-Length: 5, 5", b"12345"), (b"Content-Length: +5", b"12345"),
        (b"Content-Length: 0x5", b"12345"), (b"Content-Length: -1", b""), (b"Content-Length: 99999999999999999999", b""),
        (b"Content-Length : 5", b"12345"), (b"Transfer-Encoding : chunked", b"0\r\n\r\n"), (b"Transfer-Encoding: xchunked", b"0\r\n\r\n"),
        (b"Transfer-Encoding:\x0bchunked", b"0\r\n\r\n"), (b"Content-Length: 5\r\nHost: y", b"12345"),
        (b"Transfer-Encoding: chunked", b"-1\r\n\r\n"), (b"Transfer-Encoding: chunked", b"g\r\n\r\n"), (b"Transfer-Encoding: chunked", b"0x0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"1\r\nxx0\r\n\r\n"), (b"Transfer-Encoding: chunked", b"ffffffffffffffffff\r\n"),
        (b"X: a\rContent-Length: 5", b"12345"), (b"X\x00: a", b""), (b": a", b""), (b"Content-Length: 5\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    ],
)
def test_what_two_readers_could_take_apart_in_two_ways_is_refused(service, lines, body):
    """With all that follows: nothing of it is a request of its own."""
    for path in (b"/execute", b"/execute/batch", b"/healthz"):
        kind = b"application/x-ndjson" if path.endswith(b"batch") else b"application/json"
        received = talk(service, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: " + kind + b"\r\n" + lines + b"\r\n\r\n" + body + SMUGGLED)
        assert b'{"status": "ok"}' not in received, received
        assert received.count(b"HTTP/1.1 200") == 0 or path.endswith(b"batch"), received


def test_a_body_that_nobody_wanted_does_not_end_the_connection(service):
    connection = service.connect()
    for method, path in (("POST", "/nowhere"), ("POST", "/healthz"), ("GET", "/healthz"), ("PUT", "/execute")):
        service.request(method, path, "x" * 10_000, JSON, connection)
    assert service.execute(OK, connection).status == 200
    connection.close()


def test_a_refused_client_that_expects_to_be_asked_is_not_asked(service):
    received = raw(service, b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 404") and b"100 Continue" not in received


@pytest.mark.parametrize("accepted, is_used", [("gzip", True), ("deflate, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), (None, False)])
def test_large_answers_are_compressed_where_asked(service, accepted, is_used):
    headers = JSON | ({"Accept-Encoding": accepted} if accepted else {"Accept-Encoding": "identity"})
    script = "def main(): return list(range(10_000))"
    answer = service.request("POST", "/execute", json.dumps({"script": script}), headers)
    assert (answer.headers["Content-Encoding"] == "gzip") == is_used and answer.headers["Vary"] == "Accept-Encoding"
    plain = gzip.decompress(answer.raw) if is_used else answer.raw
    assert json.loads(plain)["result"] == list(range(10_000)) and int(answer.headers["Content-Length"]) == len(answer.raw)
    small = service.request("POST", "/execute", json.dumps({"script": OK}), headers)
    assert small.headers["Content-Encoding"] is None


def test_ten_thousand_idle_connections_are_held(start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 11_000:
        pytest.skip(f"this process may have only {hard} descriptors")
    service = start(pool=2)
    clients = []
    try:
        for number in range(10_000):
            clients.append(socket.create_connection((service.host, service.port, ), 30, source_address=(f"127.0.0.{2 + number % 50}", 0)))
        clients.pop().close()  # the default is 10,000 connections, and the test wants one itself
        assert service.execute(OK).body["result"] == 1
        for client in clients[::1000]:
            client.sendall(raw_request(OK))
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_errors_have_one_shape(service):
    long = b"GET / HTTP/1.1\r\nX: " + b"a" * 20000
    answers = [raw(service, data).split(b"\r\n\r\n", 1)[1] for data in (b"GET\r\n\r\n", long, b"GET /nowhere HTTP/1.0\r\n\r\n")]
    answers += [service.request(*what).raw for what in (
        ("PUT", "/execute"), ("POST", "/execute", "x", JSON), ("POST", "/execute", "x"), ("POST", "/execute/batch", "x"), ("DELETE", "/health"))]
    for answer in map(json.loads, answers):
        assert list(answer) == ["error"] and isinstance(answer["error"], str) and answer["error"]


def test_a_client_that_has_reset_before_it_is_accepted_runs_nothing(start):
    """It has no address any more, so that it would be nobody's."""
    service = start(pool=1)
    body = json.dumps({"script": "def main(): return 1"}).encode()
    request = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: respond-async\r\n" \
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    clients = [socket.create_connection((service.host, service.port), 30) for _ in range(2)]
    service.wait_until(lambda: open_sockets(service) == 2)
    os.kill(service.process.pid, signal.SIGSTOP)
    try:
        for _ in range(5):
            client = socket.create_connection((service.host, service.port), 30)
            client.sendall(request)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
    finally:
        os.kill(service.process.pid, signal.SIGCONT)
    for client in clients:
        client.sendall(request)
        assert client.recv(12) == b"HTTP/1.1 202"
        client.close()
    service.wait_until(lambda: Scrape(service)["pyexec_jobs_total", "ok"] >= 2)
    assert Scrape(service)["pyexec_jobs_total", "accepted"] == 2
