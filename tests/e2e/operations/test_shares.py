"""Room for bodies, answers and connections is shared out: a client that takes all it can get keeps nobody out."""

import contextlib
import hashlib
import json
import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from raw_http import raw_request, read_all
from request_parts import OK
from service import answers_in
from state import Scrape, open_sockets, pool_of

TELL = "def main(*args): return len(args)"
LARGE = "def main(): return 'x' * 8_000_000"
BODIES = {"body_mb": 1, "input_bytes": 400_000, "script_bytes": 1000}  # the largest has 810,000 bytes
ANSWERS = {"body_mb": 1, "return_bytes": 0, "output_bytes": 1000}


@pytest.fixture
def keys(tmp_path):
    """A file of two API keys, whose texts are their names; the server's own user reads it."""
    for folder in tmp_path.parents:
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    path = tmp_path / "keys"
    path.write_text("".join(f"{name} {hashlib.sha256(name.encode()).hexdigest()}\n" for name in ("greedy", "other")))
    path.chmod(0o644)
    return path


def head(length, key=None):
    bearer = f"Authorization: Bearer {key}\r\n" if key else ""
    return f"POST /execute HTTP/1.1\r\nHost: x\r\n{bearer}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()


def post(service, body, key=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    return service.request("POST", "/execute", json.dumps(body), headers)


class Greedy:
    """Sends bodies that never end, of every size, until not one more byte is taken."""

    def __init__(self, service, key=None):
        self.service, self.key, self.stack = service, key, contextlib.ExitStack()

    def __enter__(self):
        for size in (700_000, 300_000, 150_000, 80_000, 70_000, 66_000, 60_000, 4_000, 500, 60, 15):
            for _ in range(20):
                if not self.hold(size):
                    break
        return self

    def __exit__(self, *_):
        self.stack.close()

    def hold(self, size):
        held = Scrape(self.service)["pyexec_request_body_bytes",]
        connection = self.stack.enter_context(socket.create_connection((self.service.host, self.service.port), 30))
        connection.sendall(head(size + 10, self.key) + b" " * size)
        is_refused = lambda: bool(select.select([connection], [], [], 0)[0])
        self.service.wait_until(lambda: is_refused() or Scrape(self.service)["pyexec_request_body_bytes",] >= held + size)
        return not is_refused()


def test_bodies_of_one_client_leave_room_for_its_neighbours_small_ones(start):
    service = start(pool=1, **BODIES)
    with Greedy(service):
        assert post(service, {"script": OK}).status == 200
        assert post(service, {"script": TELL, "stdin": "x" * 20_000}).status == 200
        assert post(service, {"script": TELL, "stdin": "x" * 390_000}).outcome == "busy"
        assert b"pyexec_request_body_bytes" in service.fetch("/metrics")
    service.wait_until(lambda: post(service, {"script": TELL, "stdin": "x" * 390_000}).status == 200)


def test_bodies_of_one_key_leave_room_for_those_of_another(start, keys):
    service = start(pool=1, keys_file=keys, **BODIES)
    with Greedy(service, "greedy"):
        assert post(service, {"script": TELL, "stdin": "x" * 190_000}, "greedy").outcome == "busy"
        assert post(service, {"script": TELL, "stdin": "x" * 190_000}, "other").status == 200


def unread(stack, service, script=LARGE, key=None):
    """A request whose answer is not read beyond its first bytes."""
    body = json.dumps({"script": script}).encode()
    connection = stack.enter_context(contextlib.closing(socket.socket()))
    connection.settimeout(30)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((service.host, service.port))
    connection.sendall(head(len(body), key) + body)
    return connection


def test_answers_that_one_key_does_not_read_cost_no_other_key_a_job(start, keys):
    service = start(pool=2, running=2, keys_file=keys, read_timeout_ms=600_000, **ANSWERS)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            assert unread(stack, service, key="greedy").recv(15)[:9] == b"HTTP/1.1 "
        for _ in range(3):
            answer = post(service, {"script": LARGE}, "other")
            assert answer.status == 200 and len(answer.body["result"]) == 8_000_000
        assert b"pyexec_answer_bytes" in service.fetch("/metrics")


def workers_taken(service):
    metrics = Scrape(service)
    return sum(metrics["pyexec_worker_acquisitions_total", result] for result in ("hit", "miss"))


def test_no_job_is_refused_once_it_has_run(start):
    service = start(pool=2, running=2, read_timeout_ms=600_000, **ANSWERS)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            unread(stack, service).recv(15)
        before = workers_taken(service)
        answers = [service.execute(f"def main(): return 'x' * {size}") for size in (8_000_000, 8_000_000, 20_000, 10)]
        assert workers_taken(service) - before == sum(answer.status == 200 for answer in answers)
        assert {answer.status for answer in answers} <= {200, 429}


def test_answers_that_nobody_reads_give_way_to_those_that_are_read(start):
    service = start(pool=2, running=2, read_timeout_ms=600_000, **ANSWERS)
    with contextlib.ExitStack() as stack:
        clients = [unread(stack, service) for _ in range(4)]
        service.wait_until(lambda: service.execute(LARGE).status == 200)
        for _ in range(3):
            service.wait_until(lambda: service.execute(LARGE).status == 200)
        assert Scrape(service)["pyexec_answer_bytes",] < 40_000_000
        assert service.execute(OK).status == 200
        assert len(clients) == 4


HALF = b"POST /execute HTTP/1.1\r\nHos"


@pytest.mark.parametrize("said", [b"", HALF, head(100) + b"{"], ids=["nothing", "half a head", "half a body"])
def test_who_does_not_finish_a_request_keeps_nobody_out(start, said):
    service = start(pool=1, connections=4, read_timeout_ms=600_000, idle_timeout_ms=600_000)
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(socket.create_connection((service.host, service.port), 30)).sendall(said)
        assert service.execute(OK).status == 200
        assert service.request("GET", "/healthz").status == 200


def test_a_connection_that_has_shown_a_key_outstays_strangers(start, keys):
    service = start(pool=1, connections=4, keys_file=keys, read_timeout_ms=600_000, idle_timeout_ms=600_000)
    kept = service.connect()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer other"}
    assert service.request("POST", "/execute", json.dumps({"script": OK}), headers, kept).status == 200
    used = kept.sock
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(socket.create_connection((service.host, service.port), 30)).sendall(HALF)
        assert service.request("GET", "/healthz").status == 200
        assert service.request("POST", "/execute", json.dumps({"script": OK}), headers, kept).status == 200
        assert kept.sock is used
    kept.close()


def test_connections_with_jobs_are_not_closed_for_others(start):
    service = start(pool=2, running=3, connections=3)
    long = {"script": "import time\ndef main():\n    time.sleep(5)\n    return 'slept'"}
    with ThreadPoolExecutor(2) as clients, contextlib.ExitStack() as stack:
        running = [clients.submit(post, service, long) for _ in range(2)]
        service.wait_until(lambda: pool_of(service)["running"] == 2)
        others = [stack.enter_context(socket.socket()) for _ in range(4)]
        service.process.send_signal(signal.SIGSTOP)
        try:
            for other in others:  # each has said all that it has to say when it is accepted
                other.settimeout(30)
                other.connect((service.host, service.port))
                other.sendall(raw_request(OK, "Connection: close\r\n"))
        finally:
            service.process.send_signal(signal.SIGCONT)
        answers = [next(answers_in(read_all(other))) for other in others]
        assert [answer.body for answer in answers] == [{"result": 1, "stdout": ""}] * 4
        assert [job.result().body for job in running] == [{"result": "slept", "stdout": ""}] * 2


def test_who_does_not_read_keeps_nobody_out_either(start):
    """With requests that the server has not read, and cannot as long as nobody takes its answers."""
    service = start(pool=1, connections=4, read_timeout_ms=600_000, idle_timeout_ms=600_000)
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.connect((service.host, service.port))
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while client.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100):
                    pass
        assert service.request("GET", "/healthz").status == 200
        assert service.execute(OK).status == 200


def test_a_request_that_comes_as_its_connection_is_to_leave_is_answered(start):
    service = start(pool=2, running=3, connections=3)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection((service.host, service.port), 30)) for _ in range(3)]
        service.wait_until(lambda: open_sockets(service) == 3)
        time.sleep(0.5)  # each of them may be asked to leave
        service.process.send_signal(signal.SIGSTOP)
        try:
            late = stack.enter_context(socket.create_connection((service.host, service.port), 30))
            for connection in (late, idle[0]):
                connection.sendall(raw_request(OK, "Connection: close\r\n"))
        finally:
            service.process.send_signal(signal.SIGCONT)
        for connection in (late, idle[0]):
            assert next(answers_in(read_all(connection))).body == {"result": 1, "stdout": ""}
