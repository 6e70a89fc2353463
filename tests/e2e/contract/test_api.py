"""Status codes, headers and bodies that do not depend on what a script does in its jail."""

import json
import socket

import pytest

from raw_http import raw, raw_request
from request_parts import JSON, OK
from selftest import ATTACKS

OUTCOMES = (
    "ok invalid_request unauthorized invalid_script invalid_arguments exception not_serializable time_limit memory_limit output_limit "
    "exited killed busy rate_limited internal"
).split()


def test_ok_has_exactly_two_keys(service):
    answer = service.execute(OK)
    assert (answer.status, answer.outcome) == (200, "ok")
    assert list(answer.body) == ["result", "stdout"]
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "body, error",
    [
        ("{", "invalid JSON at byte 1"),
        ("", "invalid JSON at byte 0"),
        ("[]", "request body must be a JSON object"),
        ('{"script": 3}', "'script' field must be a string, not a number"),
        ('{"script": null}', "'script' field must be a string, not null"),
        ('{"script": "x", "script": "y"}', "'script' field is given twice"),
        ('{"script": "x", "scirpt": "y"}', "unknown field 'scirpt'"),
        (b'{"script": "\xff"}', "invalid JSON at byte"),
        ('{"script": "\\ud800"}', "invalid JSON at byte"),
        ('{"script": "\\udc00"}', "invalid JSON at byte"),
        ('{"script": "x"}\0{}', "NUL"),
        ("[" * 100000, "invalid JSON"),
    ],
)
def test_bad_body_is_named_and_has_no_stdout(service, body, error):
    answer = service.post(body)
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert error in answer.body["error"]
    assert list(answer.body) == ["error"]


@pytest.mark.parametrize("script", ["def f(): pass", "main = 3", "def main(:", "x = 'a\0b'", "return 1", "(" * 300])
def test_script_that_cannot_run_is_400_with_stdout(service, script):
    answer = service.execute("print('seen')\n" + script)
    assert (answer.status, answer.outcome) == (400, "invalid_script")
    assert list(answer.body) == ["error", "stdout"]


def test_what_was_printed_before_main_was_missed_is_returned(service):
    assert service.execute("print('seen')").body["stdout"] == "seen\n"


def test_largest_script_is_accepted_and_one_byte_more_is_413(service):
    filler = "#" * (200 * 1024 - len(OK) - 1)
    assert service.execute(OK + "\n" + filler).status == 200
    answer = service.execute(OK + "\n" + filler + "#")
    assert (answer.status, answer.outcome) == (413, "invalid_request")
    assert list(answer.body) == ["error"]


def test_script_cap_counts_utf8_bytes_not_escapes(service):
    script = OK + "\n#" + "\u00e9" * ((200 * 1024 - len(OK) - 2) // 2)
    escaped = json.dumps({"script": script})
    assert len(escaped) > 2 * len(script.encode())
    assert service.post(escaped).status == 200


def test_body_beyond_any_script_is_413_and_the_answer_arrives(service):
    answer = service.post(json.dumps({"script": "x" * (8 << 20)}))
    assert (answer.status, answer.outcome) == (413, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/execute", "/execute/batch"])
def test_wrong_method_is_405_with_allow(service, method, path):
    answer = service.request(method, path)
    assert (answer.status, answer.outcome, answer.headers["Allow"]) == (405, "invalid_request", "POST, OPTIONS")
    assert "error" in answer.body


def test_head_is_get_without_the_body(service):
    connection = service.connect()
    for path, status in (("/health", 200), ("/healthz", 200), ("/execute", 405), ("/nowhere", 404)):
        answer = service.request("HEAD", path, connection=connection)
        assert (answer.status, answer.raw) == (status, b"") and int(answer.headers["Content-Length"]) > 2
    assert service.request("GET", "/healthz", connection=connection).raw == b'{"status": "ok"}'
    connection.close()


def test_wrong_method_on_health(service):
    answer = service.request("POST", "/health", "{}", JSON)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_options_tells_what_may_be_sent(service):
    connection = service.connect()
    for path, allow in (("/execute", "POST, OPTIONS"), ("/health", "GET, HEAD, OPTIONS"), ("*", None)):
        answer = service.request("OPTIONS", path, connection=connection)
        assert (answer.status, answer.raw, answer.headers["Allow"]) == (204, b"", allow)
        assert answer.headers["Content-Length"] is None
    assert service.request("OPTIONS", "/nowhere", connection=connection).status == 404
    connection.close()


@pytest.mark.parametrize("path", ["/execute/", "/execute/batch/", "/executes", "/Execute", "/health/x", "//execute"])
def test_wrong_path_is_404(service, path):
    answer = service.request("POST", path, json.dumps({"script": OK}), JSON)
    assert answer.status == 404 and "error" in answer.body


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", None])
def test_wrong_content_type_is_415(service, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = service.request("POST", "/execute", json.dumps({"script": OK}).encode(), headers)
    assert (answer.status, answer.outcome) == (415, "invalid_request")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", " application/json ;x=y"])
def test_content_type_may_have_parameters(service, kind):
    assert service.request("POST", "/execute", json.dumps({"script": OK}), {"Content-Type": kind}).status == 200


def test_query_is_ignored(service):
    assert service.request("POST", "/execute?x=1", json.dumps({"script": OK}), JSON).status == 200


def test_keep_alive_serves_many_requests_on_one_connection(service):
    connection = service.connect()
    assert [service.execute(f"def main(): return {i}", connection).body["result"] for i in range(20)] == list(range(20))
    connection.close()


def test_pipelined_requests_are_answered_in_order(service):
    data = b"".join(raw_request(f"def main(): return {i}") for i in range(5)) + raw_request(OK, "Connection: close\r\n")
    received = raw(service, data)
    places = [received.index(b'{"result": %d, ' % i) for i in range(5)]
    assert places == sorted(places) and received.count(b"HTTP/1.1 200") == 6


def test_expect_continue_is_answered(service):
    received = raw(service, raw_request(OK, "Expect: 100-continue\r\nConnection: close\r\n"))
    assert received.startswith(b"HTTP/1.1 100") and b'{"result": 1,' in received


def test_chunked_body_is_read(service):
    body = json.dumps({"script": OK}).encode()
    head = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    data = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert b'{"result": 1,' in raw(service, data)


def test_http_1_0_is_answered_and_closed(service):
    assert b'{"status": "ok"}' in raw(service, b"GET /healthz HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_is_400(service, data):
    received = raw(service, data)
    assert received.startswith(b"HTTP/1.1 400") and b'{"error": ' in received


def test_endless_header_is_431(service):
    assert raw(service, b"GET / HTTP/1.1\r\nX: " + b"a" * 20000).startswith(b"HTTP/1.1 431")


CHUNKED = (
    b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    "endless",
    [b"1;x=" + b"a" * (1 << 20), b"0\r\nX: " + b"a" * (1 << 20), b"0" * (1 << 20)],
    ids=["chunk extension", "trailer", "zeros of a chunk size"],
)
def test_what_surrounds_a_chunk_is_bounded(service, endless):
    assert raw(service, CHUNKED + endless).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


@pytest.mark.parametrize("encoding", [b"gzip", b"identity", b"gzip, chunked", b"chunked\r\nTransfer-Encoding: chunked", b"x"])
def test_another_transfer_encoding_is_refused_with_what_follows_it(service, encoding):
    """Taken as "no body", the body would be read as the next request."""
    head = b"POST /execute HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + encoding + b"\r\n\r\n"
    received = raw(service, head + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400") and received.count(b"HTTP/1.1 ") == 1


def test_slow_sender_is_cut_off(start):
    service = start(read_timeout_ms=200, pool=1)
    assert raw(service, b"POST /execute HTTP/1.1\r\nContent-Le") == b""


def test_idle_connection_is_closed(start):
    service = start(idle_timeout_ms=1000, pool=1)
    connection = socket.create_connection((service.host, service.port), 20)
    assert connection.recv(1) == b""


def test_health_tells_level_pool_and_versions(service):
    health = service.health()
    assert health["status"] == "healthy"
    isolation = health["isolation"]
    assert (isolation["level"], isolation["name"]) in [(3, "namespaced"), (4, "full")]
    features = dict(isolation["features"])
    assert {type(features.pop(name)) for name in ("file_locks", "sessions")} == {bool}  # test_locks, test_neighbours
    assert features == dict.fromkeys(["threads", "subprocess", "multiprocessing", "scratch", "private_tmp", "checkpoints", "template_forks"], True)
    assert isolation["selftest"]["run"] == isolation["selftest"]["blocked"] == ATTACKS
    assert health["pool"]["target"] >= health["pool"]["ready"] > 0
    assert set(health["versions"]) == {"pyexec", "python", "numpy", "pandas"}
    script = "import numpy, pandas, sys\ndef main(): return [sys.version.split()[0], numpy.__version__, pandas.__version__]"
    assert service.execute(script).body["result"] == [health["versions"][k] for k in ("python", "numpy", "pandas")]


def test_greeting_says_where_and_at_which_level(service):
    assert service.greeting.count("\n") == 1
    isolation = service.health()["isolation"]
    level = f"isolation level {isolation['level']} ({isolation['name']})"
    assert f"http://{service.host}:{service.port}, {level}" in service.greeting


def test_every_outcome_of_a_script_is_on_the_closed_list(service):
    scripts = {
        "ok": OK,
        "invalid_script": "main = 1",
        "exception": "def main(): 1 / 0",
        "not_serializable": "def main(): return object()",
        "time_limit": "def main():\n  while True: pass",
        "memory_limit": "def main(): return len(bytearray(1 << 40))",
        "output_limit": "def main(): return 'x' * (9 << 20)",
        "exited": "import sys\ndef main(): sys.exit(1)",
        "killed": "import os\ndef main(): os.abort()",
    }
    for outcome, script in scripts.items():
        answer = service.execute(script)
        assert answer.outcome == outcome and outcome in OUTCOMES, answer
        assert answer.status == (200 if outcome == "ok" else 400 if outcome == "invalid_script" else 422)
