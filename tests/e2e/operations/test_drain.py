"""How the service stops: every request that reached it is answered, and others are sent elsewhere in time."""

import contextlib
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from raw_http import Stream, open_request, read_all
from request_parts import FOREVER
from service import answers_in

SLEEP = "import time\ndef main():\n    time.sleep(0.05)\n    return 'slept'"
REQUEST = "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}"


def request_for(script):
    body = json.dumps({"script": script})
    return REQUEST.format(len(body), body).encode()


def status_of_health(service):
    return service.request("GET", "/health").status


def test_while_it_leaves_it_says_so_and_works_on(start):
    service = start(pool=2, lame_duck_ms=4000)
    kept = service.connect()
    assert service.execute(SLEEP, kept).headers["Connection"] != "close"
    assert status_of_health(service) == 200
    service.process.send_signal(signal.SIGTERM)
    service.wait_until(lambda: status_of_health(service) == 503)
    assert service.health()["status"] == "draining"
    assert service.request("GET", "/healthz").status == 200
    for connection in (kept, service.connect()):
        answer = service.execute(SLEEP, connection)
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
    assert service.process.wait(30) == 0


@pytest.mark.parametrize("most", (100, 4), ids=["room for all", "more than may be connected"])
def test_what_waits_to_be_accepted_is_answered(start, most):
    service = start(pool=2, connections=most)
    service.process.send_signal(signal.SIGSTOP)
    connections = [socket.create_connection((service.host, service.port), 30) for _ in range(20)]
    for connection in connections:
        connection.sendall(request_for(SLEEP))
    service.process.send_signal(signal.SIGTERM)
    service.process.send_signal(signal.SIGCONT)
    for connection in connections:
        (answer,) = answers_in(read_all(connection))
        assert (answer.status, answer.body["result"]) == (200, "slept")
        connection.close()
    assert service.process.wait(30) == 0


def test_a_batch_that_comes_too_late_is_told_so(start):
    """It is accepted after a single request, for which there is time."""
    service = start(pool=2, connections=1)
    service.process.send_signal(signal.SIGSTOP)
    single, batch = [socket.create_connection((service.host, service.port), 30) for _ in range(2)]
    single.sendall(request_for(SLEEP))
    line = json.dumps({"script": SLEEP}) + "\n"
    head = "POST /execute/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{}"
    batch.sendall(head.format(len(line), line).encode())
    service.process.send_signal(signal.SIGTERM)
    service.process.send_signal(signal.SIGCONT)
    (answer,) = answers_in(read_all(single))
    assert (answer.status, answer.body["result"]) == (200, "slept")
    single.close()
    (answer,) = answers_in(read_all(batch))
    assert (answer.status, answer.outcome) == (429, "busy") and answer.headers["Retry-After"]
    batch.close()
    assert service.process.wait(30) == 0


def test_who_says_half_a_word_does_not_hold_it_up(start):
    service = start(pool=1, drain_ms=600_000)
    connection = socket.create_connection((service.host, service.port))
    connection.sendall(b"P")
    service.wait_until(lambda: b"pyexec_connections 2" in service.fetch("/metrics"))
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0
    connection.close()


def test_a_live_answer_says_too_that_it_is_the_last(start):
    service = start(pool=1, lame_duck_ms=3000)
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    body = json.dumps({"script": SLEEP})
    assert service.request("POST", "/execute", body, headers).headers["Connection"] != "close"
    service.process.send_signal(signal.SIGTERM)
    service.wait_until(lambda: status_of_health(service) == 503)
    assert service.request("POST", "/execute", body, headers).headers["Connection"] == "close"
    assert service.process.wait(30) == 0


def test_a_batch_that_is_still_being_sent_gets_all_lines_that_were_answered(logged):  # noqa: F811
    """Without an end, so that nobody takes it for a whole answer, and without a reset, which would throw lines away."""
    service = logged(pool=2, running=2)
    stream = Stream(service)
    job = {"script": "def main(): print('x' * 20_000)\n#" + "x" * 20_000}
    sent = 0

    def send_on():
        nonlocal sent
        with contextlib.suppress(OSError):
            for sent in range(1, 5001):
                stream.send(job)

    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(send_on)
        answers = [next(stream.lines)]
        service.process.send_signal(signal.SIGTERM)
        answers += stream.lines
        stream.socket.shutdown(socket.SHUT_RDWR)
        sending.result()
    stream.close()
    assert {a["index"] for a in answers} == set(range(len(answers)))
    assert all(a["outcome"] == "ok" for a in answers)
    (batch,) = service.logged()
    assert len(answers) == batch["lines"] < sent


def test_a_batch_that_waits_for_its_rate_limit_does_not_hold_it_up(start):
    service = start(pool=1, rate_per_minute=1, rate_burst=1, drain_ms=600_000)
    stream = Stream(service)
    stream.send(*[{"script": SLEEP}] * 3)
    assert next(stream.lines)["result"] == "slept"
    service.process.send_signal(signal.SIGTERM)
    assert list(stream.lines) == []
    stream.close()
    assert service.process.wait(30) == 0


def test_a_full_service_answers_all_that_it_has_accepted(start):
    """Twenty at a time on two places; what is queued is run, or told to try elsewhere."""
    service = start(pool=2, running=2, max_queued=64, timeout_ms=60_000, drain_ms=60_000)
    occupants = [open_request(service, FOREVER) for _ in range(2)]
    service.wait_until(lambda: service.health()["pool"]["running"] == 2)
    connections = [service.connect() for _ in range(20)]
    with ThreadPoolExecutor(len(connections)) as clients:
        for connection in connections:
            connection.connect()
        answers = [clients.submit(service.execute, SLEEP, connection) for connection in connections]
        service.wait_until(lambda: service.health()["pool"]["waiting"] == len(connections))
        service.process.send_signal(signal.SIGTERM)
        for occupant in occupants:
            occupant.close()
        assert [answer.result().status for answer in answers] == [200] * len(connections)
    assert service.process.wait(30) == 0


def test_jobs_that_have_not_begun_when_time_is_up_are_told_to_try_again(start):
    service = start(pool=1, running=1, drain_ms=200)
    with ThreadPoolExecutor(3) as clients:
        answers = [clients.submit(service.execute, "import time\ndef main(): time.sleep(60)") for _ in range(3)]
        service.wait_until(lambda: service.health()["pool"]["waiting"] == 2)
        service.process.send_signal(signal.SIGTERM)
        found = sorted((a.result() for a in answers), key=lambda a: a.status)
    assert [(a.status, a.outcome) for a in found] == [(429, "busy"), (429, "busy"), (500, "internal")]
    assert found[0].headers["Retry-After"] and "stops" in found[0].body["error"]
    assert service.process.wait(30) == 0
