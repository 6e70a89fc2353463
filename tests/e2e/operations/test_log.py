"""What the service writes for its operator: a line a request, never a script's own words, never a secret."""

import json
import os
import pty
import re
import signal
import socket
import subprocess

import pytest

from api_keys import line
from raw_http import start_to_sleep
from request_parts import JSON, OK
from service import BUILD

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_request_is_one_line_with_what_cloud_logging_wants(logged):
    service = logged(pool=1, trace_project="my-project")
    headers = {**JSON, "traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "job-17", "User-Agent": "me/1"}
    body = json.dumps({"script": OK})
    service.request("POST", "/execute", body, headers)
    (entry,) = service.logged()
    request = entry["httpRequest"]
    assert (entry["severity"], entry["outcome"], entry["request_id"]) == ("INFO", "ok", "job-17")
    assert re.fullmatch(r"POST /execute 200 ok \d+\.\d ms", entry["message"])
    assert (request["requestMethod"], request["requestUrl"], request["status"]) == ("POST", "/execute", 200)
    assert (request["userAgent"], request["remoteIp"], request["protocol"]) == ("me/1", "127.0.0.1", "HTTP/1.1")
    assert int(request["requestSize"]) > len(body) and int(request["responseSize"]) > 100
    assert re.fullmatch(r"\d+\.\d{6}s", request["latency"])
    assert entry["logging.googleapis.com/trace"] == f"projects/my-project/traces/{TRACE}"
    assert (entry["logging.googleapis.com/spanId"], entry["logging.googleapis.com/trace_sampled"]) == (SPAN, True)
    phases = entry["phases_ms"]
    assert list(phases) == ["parse", "admit", "pool_wait", "hand_off", "run", "report", "kill", "reply"]
    assert phases["run"] > 0 and all(ms >= 0 for ms in phases.values())
    assert entry["run_ms"] >= phases["run"] and entry["queue_ms"] >= 0
    assert sum(phases.values()) < float(request["latency"][:-1]) * 1000


def test_why_it_does_not_start_is_an_entry_and_a_sentence():
    environment = os.environ | {"PYEXEC_PORT": "0", "PYEXEC_LOG": "json", "PYEXEC_KEYS_FILE": "/nowhere/keys"}
    done = subprocess.run([BUILD / "pyexec-server"], env=environment, capture_output=True, text=True, timeout=60)
    entry = json.loads(done.stdout)
    assert (done.returncode, entry["severity"]) == (1, "CRITICAL") and "/nowhere/keys" in entry["message"]
    assert done.stderr == f"pyexec-server: {entry['message']}\n"


def is_listening(service):
    try:
        socket.create_connection((service.host, service.port)).close()
    except ConnectionError:
        return False
    return True


def test_each_end_has_its_severity(logged):
    service = logged(pool=1, running=1, max_queued=0, timeout_ms=60000)
    service.execute("def main(): return 1 / 0")
    service.post("{")
    sleeping = start_to_sleep(service)
    service.execute(OK)
    sleeping.close()
    service.wait_until(lambda: len(service.lines) == 5)
    service.request("GET", "/nowhere?token=hidden")
    entries = service.logged()
    assert [(e["severity"], e["httpRequest"]["status"], e.get("outcome")) for e in entries] == [
        ("INFO", 422, "exception"), ("INFO", 400, "invalid_request"), ("WARNING", 429, "busy"),
        ("INFO", 499, "cancelled"), ("INFO", 404, None),
    ]
    assert entries[-1]["httpRequest"]["requestUrl"] == "/nowhere"


@pytest.mark.parametrize("leaves, severity, status", ((True, "INFO", 499), (False, "ERROR", 500)), ids=["leaves", "waits"])
def test_whether_a_client_left_or_the_service_ended_its_job_is_told(logged, leaves, severity, status):
    service = logged(pool=1, timeout_ms=60000, drain_ms=600_000 if leaves else 1)
    sleeping = start_to_sleep(service)
    service.process.send_signal(signal.SIGTERM)
    service.wait_until(lambda: not is_listening(service))
    if leaves:
        sleeping.close()
    (entry,) = service.logged()
    sleeping.close()
    assert (entry["severity"], entry["httpRequest"]["status"]) == (severity, status)


def test_a_batch_is_one_line_and_a_live_answer_another(logged):
    service = logged(pool=1)
    service.request("POST", "/execute/batch", '{"script": "def main(): return 1"}\n{"script": 2}\n', {"Content-Type": "application/x-ndjson"})
    service.request("POST", "/execute", json.dumps({"script": OK}), {**JSON, "Accept": "application/x-ndjson"})
    batch, live = service.logged()
    assert (batch["lines"], batch["failed_lines"]) == (2, 1) and "outcome" not in batch
    assert (live["outcome"], live["httpRequest"]["status"]) == ("ok", 200) and live["phases_ms"]["run"] > 0


def test_a_job_that_nobody_waits_for_has_a_line_of_its_own(logged):
    service = logged(pool=1, timeout_ms=60000)
    headers = {**JSON, "Prefer": "respond-async", "X-Request-Id": "r-1", "traceparent": f"00-{TRACE}-{SPAN}-01"}

    def begin(script):
        return json.loads(service.request("POST", "/execute", json.dumps({"script": script}), headers).raw)["job"]

    job = begin(OK)
    service.wait_until(lambda: len(service.lines) == 3)
    ended = begin("import time\ndef main(): time.sleep(60)")
    service.request("DELETE", f"/jobs/{ended}")
    service.wait_until(lambda: len(service.lines) == 5)
    accepted, run, _, cancelled = service.logged()
    assert (accepted["outcome"], accepted["httpRequest"]["status"], accepted["job"]) == ("accepted", 202, job)
    assert re.fullmatch(rf"job {job} 200 ok \d+\.\d ms", run["message"]) and "httpRequest" not in run
    assert (run["severity"], run["outcome"], run["job"], run["request_id"]) == ("INFO", "ok", job, "r-1")
    assert run["phases_ms"]["run"] > 0 and run["logging.googleapis.com/trace"] == accepted["logging.googleapis.com/trace"]
    assert (cancelled["severity"], cancelled["outcome"], cancelled["job"]) == ("INFO", "cancelled", ended)


def test_probes_are_left_out_while_they_are_answered(logged):
    service = logged(pool=1)
    for path in ("/health", "/healthz", "/metrics", "/openapi.json"):
        assert service.request("GET", path).status == 200
    assert service.logged() == []


def test_nothing_of_a_script_and_no_secret_is_logged(logged, keys):
    key, word = "kept-to-myself", "xyzzy"
    keys.write_text(line("alice", key))
    service = logged(pool=1, keys_file=keys)
    headers = {**JSON, "Authorization": f"Bearer {key}"}
    script = f"import sys\ndef main():\n    print('{word}')\n    sys.stderr.write('{word}')\n    raise ValueError('{word}')"
    answer = service.request("POST", "/execute", json.dumps({"script": script, "env": {"JOB_X": word}, "stdin": word}), headers)
    assert word in answer.body["error"]
    service.request("POST", "/execute", json.dumps({"script": script}), {**JSON, "Authorization": f"Bearer {word}"})
    entries = service.logged()
    assert [(e.get("key"), e["outcome"]) for e in entries] == [("alice", "exception"), (None, "unauthorized")]
    text = "".join(service.lines)
    assert word not in text and key not in text


def test_what_clients_say_cannot_forge_a_line(logged):
    service = logged(pool=1)
    sent = 'GET /\x7f"}{\u0085%0a HTTP/1.1\r\nHost: x\r\nUser-Agent: a"}\u009b31m\r\nConnection: close\r\n\r\n'
    for data in (sent.encode(), b"no HTTP at all\r\n\r\n"):
        connection = socket.create_connection((service.host, service.port))
        connection.sendall(data)
        while connection.recv(65536):
            pass
        connection.close()
    entries = service.logged()
    assert [e["httpRequest"]["status"] for e in entries] == [400, 400] or [e["httpRequest"]["status"] for e in entries] == [404, 400]
    assert all(line.isascii() and line.isprintable() for line in "".join(service.lines).splitlines())


def test_a_log_that_nobody_reads_holds_nobody_up(start):
    """Its pipe is full long before the last request; some lines are dropped, and counted."""
    service = start(pool=2, log="json")
    connection = service.connect()
    for _ in range(20_000):
        connection.request("GET", "/nowhere")
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (404, True)
    connection.close()
    text = service.fetch("/metrics").decode()
    assert int(re.search(r"^pyexec_log_lines_dropped_total (\d+)", text, re.M)[1]) > 0


def test_on_a_terminal_it_is_sentences():
    leader, follower = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "PYEXEC_PORT": "0", "PYEXEC_POOL": "1"}
    process = subprocess.Popen([BUILD / "pyexec-server"], env=environment, stdout=follower, stderr=follower)
    os.close(follower)
    with open(leader, encoding="utf-8", errors="replace") as terminal:
        greeting = terminal.readline()
        port = int(re.search(r"http://127.0.0.1:(\d+)", greeting)[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: seventeen\r\n\r\n")
            line = terminal.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert greeting.startswith("pyexec ")
    assert re.fullmatch(r"pyexec: GET /nowhere 404 \d+\.\d ms id=seventeen\n", line), line


def test_an_unknown_format_is_refused():
    done = subprocess.run([BUILD / "pyexec-server", "--log", "xml"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "--log='xml' is none of auto, json, text, quiet" in done.stderr
