"""Callers of a job's tools that leave, wait for a place, or come while the service stops."""

import concurrent.futures
import json
import signal
import socket
import time

import pytest

from raw_http import start_to_sleep
from request_parts import JSON, SLEEP
from state import open_sockets, pool_of
from templates import metric
from tool_jobs import end, main, park, wait_for_jobs
from tools import LiveRun, drive

CANCELLED = 'pyexec_jobs_total{outcome="cancelled"}'


def send_and_leave(service, path, body):
    """Its client has left before the server reads the request, so that no answer can come first."""
    body = json.dumps(body).encode()
    service.process.send_signal(signal.SIGSTOP)
    try:
        with socket.create_connection((service.host, service.port), 30) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    finally:
        service.process.send_signal(signal.SIGCONT)


# Those that leave


@pytest.mark.parametrize("before", ["", "import time; time.sleep(0.1)\n"])
def test_nobody_has_the_token_of_a_client_that_has_left(start, before):
    service = start(pool=1)
    for count in (1, 2, 3):
        send_and_leave(service, "/execute", {"script": main(before + "f()"), "tools": ["f"]})
        service.wait_until(lambda count=count: metric(service, CANCELLED) == count)
    wait_for_jobs(service, 0)


def test_a_client_that_leaves_while_its_job_comes_to_the_next_call(start):
    service = start(pool=1)
    token = park(service, main("return [f(), f()]"))
    send_and_leave(service, "/execute/continue", {"continue": token, "results": [{"id": 1, "result": 1}]})
    service.wait_until(lambda: metric(service, CANCELLED) == 1)
    wait_for_jobs(service, 0)


@pytest.mark.parametrize("path", ["/sessions", "/mcp"])
def test_nobody_has_the_session_of_a_client_that_has_left(start, path):
    service = start(pool=1)
    call = {"name": "run_python", "arguments": {"code": "1", "session": "new"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    body = {"/sessions": {}, "/mcp": message}[path]
    assert service.request("POST", path, json.dumps(body), JSON).status in (200, 201)
    for number in range(100):  # not noticed while it is made, which takes less time now
        send_and_leave(service, path, body)
        service.wait_until(lambda: open_sockets(service, "01", "08") == 0)
        if number >= 4 and metric(service, "pyexec_sessions_opened_total") > 1:
            break
    assert metric(service, "pyexec_sessions_opened_total") > 1
    assert len(service.request("GET", "/sessions").body["sessions"]) == 1


# Those that wait until the job may go on


def test_an_answer_that_waits_for_a_place_has_come(start):
    """However long that takes: the time for answers is over by then."""
    service = start(pool=2, running=1, call_wait_s=4, timeout_ms=20000)
    token = park(service)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(service.execute, SLEEP.format(8))
        service.wait_until(lambda: pool_of(service)["running"] == 1)
        assert end(service, token, 7).body.get("result") == 7
        assert running.result().outcome == "ok"


def test_a_second_answer_meanwhile_may_be_tried_again(start):
    """It is no lie that the token was used: the first answer may get no place."""
    service = start(pool=2, running=1, timeout_ms=20000)
    token = park(service, timeout_ms=3000)
    running = start_to_sleep(service)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(end, service, token, 1)
        service.wait_until(lambda: pool_of(service)["waiting"] == 1)
        second = end(service, token, 2)
        assert (second.status, second.outcome, first.done()) == (429, "busy", False)
        assert "another request" in second.body["error"]
        assert first.result().status == 429
    running.close()
    service.wait_idle()
    assert end(service, token, 3).body["result"] == 3
    assert end(service, token, 4).status == 410


def test_an_answer_that_waits_hears_that_its_job_has_ended(start):
    service = start(pool=2, running=1, timeout_ms=20000)
    token = park(service, "import os, threading\n" + main("threading.Timer(1, os._exit, [3]).start()\nf()"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(service.execute, SLEEP.format(6))
        service.wait_until(lambda: pool_of(service)["running"] == 1)
        answer = end(service, token)
        assert (answer.status, answer.outcome, running.done()) == (422, "exited", False)
        assert running.result().outcome == "ok"


def test_a_job_that_waits_again_and_again_is_ended(start):
    service = start(pool=1, call_wait_s=4, calls_wait_s=4)
    began = time.monotonic()
    run = drive(service, {"f": lambda: time.sleep(0.4)}, script=main("for _ in range(100): f()"))
    assert time.monotonic() - began >= 4
    assert (run.answer.status, run.answer.outcome) == (422, "time_limit")
    assert run.answer.body["error"] == "the calls of tools took more than 4 s in all (PYEXEC_CALLS_WAIT_S)"
    assert 2 <= len(run.calls) <= 11
    wait_for_jobs(service, 0)


# Those that come while the service stops


def test_calls_of_live_jobs_are_answered_over_new_connections_while_the_service_stops(start):
    service = start(pool=1, drain_ms=20000)
    with LiveRun(service, script=main("f()\nreturn f()"), tools=["f"]) as live:
        call = live.next("call")
        service.process.send_signal(signal.SIGTERM)
        service.wait_until(lambda: service.execute("def main(): return 1").status == 429)
        assert live.answer(call, result=1).status == 202
        assert live.answer(live.next("call"), result=5).status == 202
        assert live.next("result") == {"result": 5}
        assert live.next("end")["outcome"] == "ok"
    assert service.stop() == 0
