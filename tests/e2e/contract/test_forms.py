"""Requests as people make them by hand: forms, and scripts alone."""

import gzip
import json

import pytest

from sessions import Session

PYTHON = {"Content-Type": "text/x-python"}
SUM = "import pandas as pd\ndef main(column):\n    return pd.read_csv('sales.csv')[column].sum()\n"


def form(*parts, boundary="b0undary"):
    """parts: (name, value), or (name, value, file name). Returns a body and its headers, as curl sends them."""
    body = b""
    for name, value, *file in parts:
        head = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{file[0]}"\r\nContent-Type: text/plain' if file else "")
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + (value.encode() if isinstance(value, str) else value) + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def send(service, *parts, path="/execute", **headers):
    body, own = form(*parts)
    return service.request("POST", path, body, own | headers)


def test_a_script_with_arguments_and_a_file(service):
    answer = send(service, ("script", SUM, "a.py"), ("file", "price\n2.5\n4\n", "sales.csv"), ("args", '["price"]'))
    assert (answer.status, answer.body) == (200, {"result": 6.5, "stdout": ""})


def test_every_kind_of_field(service):
    script = "import os, sys\ndef main(n): print(sys.stdin.read()); open('out.txt', 'w').write('x'); return [n, float('nan'), os.environ['JOB_X']]"
    answer = send(
        service, ("script", script), ("args", '{"n": 3}'), ("stdin", "null"), ("nan", "null"), ("env", '{"JOB_X": "1"}'), ("verbose", "true"),
        ("timeout_ms", "2e3"), ("return_files", "*.txt"), ("return_files", "*.png"),
    )
    assert answer.status == 200, answer
    assert answer.body["result"] == [3, None, "1"] and answer.body["stdout"] == "null\n"
    assert list(answer.body["files"]) == ["out.txt"] and answer.body["limits"]["timeout_ms"] == 2000
    assert send(service, ("code", "6 * 7")).body["result"] == 42
    listed = send(service, ("script", script), ("args", "[1]"), ("env", '{"JOB_X": "1"}'), ("nan", "null"), ("return_files", '["*.txt"]'))
    assert list(listed.body["files"]) == ["out.txt"]


def test_files_of_any_bytes_and_names(service):
    data = bytes(range(256)) * 300 + b"\r\n--b0undar\r\n"
    script = "import hashlib\ndef main(): return {n: hashlib.sha256(open(n, 'rb').read()).hexdigest() for n in ('a b.bin', 'd/é', 'empty')}"
    answer = send(service, ("script", script), ("file", data, "a b.bin"), ("file", data, "d/é"), ("file", b"", "empty"))
    assert answer.status == 200
    digests = set(answer.body["result"].values())
    assert len(digests) == 2 and answer.body["result"]["empty"].startswith("e3b0c442")


@pytest.mark.parametrize("parts, why", [
    ((("scrpt", "1"),), "unknown field 'scrpt'; did you mean 'script'?"),
    ((("script", "1"), ("timeout", "5")), "unknown field 'timeout'; did you mean 'timeout_ms'?"),
    ((("script", "1"), ("args", "price")), "the part 'args' has to be JSON: "),
    ((("script", "1"), ("args", "5")), "'args' field must be an array or an object, not a number"),
    ((("script", "1"), ("timeout_ms", "soon")), "the part 'timeout_ms' has to be JSON: "),
    ((("script", "1"), ("script", "2")), "'script' field is given twice"),
    ((("script", "1"), ("file", "x", "../up")), "'files' entry '../up' has a part '..'"),
    ((("script", "1"), ("file", "x", "a"), ("file", "x", "a")), "'a'"),
    ((("script", "1"), ("sales", "x", "sales.csv")), "the part 'sales' is a file: name it \"file\""),
    ((("file", "x", "a"),), "'script' field is required"),
])
def test_what_is_wrong_is_named(service, parts, why):
    answer = send(service, *parts)
    assert (answer.status, answer.outcome) == (400, "invalid_request") and why in answer.body["error"], answer


def test_a_form_without_an_end_or_a_boundary(service):
    body, headers = form(("script", "def main(): return 1"))
    assert service.request("POST", "/execute", body, headers).status == 200
    for cut, sent in ((body[:-6], headers), (body, {"Content-Type": "multipart/form-data"}), (b"", headers)):
        answer = service.request("POST", "/execute", cut, sent)
        assert answer.status == 400 and "the form is malformed: " in answer.body["error"]


def test_limits_hold_as_for_json(start):
    service = start(pool=1, input_bytes=1000, script_bytes=500)
    script = ("script", "def main(): return 1")
    assert send(service, script, ("file", b"x" * 990, "a")).status == 200
    assert send(service, script, ("file", b"x" * 1001, "a")).status == 413
    assert send(service, ("script", "#" * 501)).status == 413
    body, headers = form(script, ("file", b"x" * 100_000, "a"))
    assert service.request("POST", "/execute", body, headers).status == 413


def test_a_script_alone(service):
    assert service.request("POST", "/execute", "def main():\n    return 'ñ'\n".encode(), PYTHON).body == {"result": "ñ", "stdout": ""}
    assert service.request("POST", "/execute", "1", PYTHON).outcome == "invalid_script"
    assert service.request("POST", "/execute", b"\xff", PYTHON).status == 400
    packed = gzip.compress(b"def main(): return 1")
    assert service.request("POST", "/execute", packed, PYTHON | {"Content-Encoding": "gzip"}).body["result"] == 1


def test_cells_of_sessions(service):
    session = Session(service)
    assert session.send("POST", f"{session.path}/execute", raw="x = 41", **PYTHON).status == 200
    assert send(service, ("code", "x + 1 + len(open('a').read())"), ("file", "12", "a"), path=f"{session.path}/execute").body["result"] == 44
    assert send(service, ("code", "x"), ("at", "0"), path=f"{session.path}/execute").outcome == "exception"
    session.delete()


def test_live_answers_to_forms(service):
    body, headers = form(("script", "def main(): print('a\\n', end=''); return 1"))
    answer = service.request("POST", "/execute", body, headers | {"Accept": "application/x-ndjson"})
    assert [json.loads(line)["event"] for line in answer.raw.splitlines()] == ["stdout", "result", "end"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x", ""])
def test_other_types_are_named(service, kind):
    answer = service.request("POST", "/execute", "script=1", {"Content-Type": kind} if kind else {})
    assert answer.status == 415 and "multipart/form-data or text/x-python" in answer.body["error"]


def test_pages_of_other_sites_cannot_send_forms(service, start):
    """A browser sends a form for any page, and asks nobody."""
    part = ("code", "1")
    own = f"http://{service.host}:{service.port}"
    for origin in (own, "http://localhost:3000", "http://127.0.0.1"):
        assert send(service, part, Origin=origin).status == 200
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", f"http://evil.example/?{own}"):
        answer = send(service, part, Origin=origin)
        assert (answer.status, answer.outcome) == (403, "invalid_request") and "PYEXEC_CORS_ORIGINS" in answer.body["error"]
    evil = {"Origin": "https://evil.example"}
    push = json.dumps({"message": {"data": "e30=", "messageId": "1"}, "subscription": "s"})
    for path, body, kind in (("/queue/pubsub", push, "text/plain"), ("/sessions", None, None), ("/execute", "{}", "text/plain")):
        headers = {"Content-Type": kind} if kind else {}
        assert service.request("POST", path, body, headers | evil).status == 403
        assert service.request("POST", path, body, headers).status != 403
    allowing = start(pool=1, cors_origins="https://mine.example")
    assert send(allowing, part, Origin="https://mine.example").status == 200
    assert send(allowing, part, Origin="https://evil.example").status == 403
