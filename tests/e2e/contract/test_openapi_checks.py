"""The check of answers against the document notices what is wrong; batches and live answers pass it."""

import copy
import json
import re

import pytest

from openapi import Document, Mismatch, document_of
from request_parts import JSON, NDJSON
from service import Answer

OK = "def main():\n    print('hello')\n    return 1"
# What no document would show if schemas were lax.
RIGHT = [
    ("POST", "/execute", {"script": OK}, {}),
    ("POST", "/execute", {"script": OK, "verbose": True, "return_files": ["*"]}, {}),
    ("POST", "/execute", {"script": "def main(): 1 / 0", "verbose": True}, {}),
    ("POST", "/execute", {"script": OK}, {"Accept": "text/event-stream"}),
    ("POST", "/execute", {"script": OK}, {"Accept": "application/x-ndjson"}),
    ("POST", "/execute/batch", [{"script": OK, "verbose": True}, {"script": "def main(): 1 / 0"}, {}], {}),
    ("GET", "/health", None, {}),
    ("GET", "/healthz", None, {}),
    ("POST", "/nowhere", {}, {}),
]


def spoil(value, path=()):
    """Copies of a JSON value, each with one thing wrong: a member more, one less, one of another type."""
    if path[-1:] == ("result",):
        return
    if isinstance(value, dict):
        if path[-1:] != ("files",):
            yield path, {**value, "surplus": 1}
        for name in value:
            if path[-1:] != ("files",):
                yield (*path, name), {k: v for k, v in value.items() if k != name}
            for where, wrong in spoil(value[name], (*path, name)):
                yield where, {**value, name: wrong}
    elif isinstance(value, list):
        yield path, value + [1]
        for i, item in enumerate(value):
            for where, wrong in spoil(item, (*path, i)):
                yield where, [*value[:i], wrong, *value[i + 1 :]]
    else:
        yield path, ["another type"]


# What need not be there: without it the rest is as right.
MAY_LACK = {"files"}


@pytest.mark.parametrize("method, path, body, headers", RIGHT, ids=lambda value: json.dumps(value)[:60])
def test_an_answer_that_is_wrong_in_one_thing_is_noticed(service, document, method, path, body, headers):
    answer = service.request(method, path, body and json.dumps(body), {**JSON, **headers})
    checker, count = Document(document), 0
    for wrong in spoilt(answer):
        with pytest.raises((Mismatch, json.JSONDecodeError)):
            checker.check_answer(method, path, wrong)
            pytest.fail(f"not noticed: {wrong}", pytrace=False)
        count += 1
    assert count >= 3


def spoilt(answer):
    kind = answer.headers["Content-Type"]
    text = answer.raw.decode()
    yield Answer(418, answer.headers, answer.raw)
    if kind == "application/json":
        for where, wrong in spoil(answer.body):
            if where[-1:] and where[-1] in MAY_LACK and wrong.keys().isdisjoint(MAY_LACK):
                continue
            yield Answer(answer.status, answer.headers, json.dumps(wrong).encode())
    else:
        for line in re.findall(r"^(?:data: )?(\{.*\})$", text, re.M):
            for _, wrong in spoil(json.loads(line)):
                if {"event", "result", "error"} & wrong.keys() or "surplus" in wrong:
                    yield Answer(answer.status, answer.headers, text.replace(line, json.dumps(wrong)).encode())


def test_wrong_headers_are_noticed(service, document):
    checker = Document(document)
    for changes in ({"Pyexec-Outcome": "fine"}, {"Pyexec-Outcome": "exception"}, {"Pyexec-Outcome": None},
                    {"Server-Timing": "soon"}, {"X-Request-Id": ""}, {"Content-Type": "text/html"},
                    {"RateLimit-Limit": "many"}):
        answer = service.execute(OK)
        for name, value in changes.items():
            del answer.headers[name]
            if value is not None:
                answer.headers[name] = value
        with pytest.raises(Mismatch):
            checker.check_answer("POST", "/execute", answer)
    answer = service.request("GET", "/execute")
    del answer.headers["Allow"]
    with pytest.raises(Mismatch):
        checker.check_answer("GET", "/execute", answer)


def test_a_path_that_the_document_lacks_is_noticed(service, document):
    lacking = copy.deepcopy(document)
    del lacking["paths"]["/healthz"]
    with pytest.raises(Mismatch):
        Document(lacking).check_answer("GET", "/healthz", service.request("GET", "/healthz"))


# Lines and events, which no other test here has.


def test_a_batch_is_as_the_document_says(service):
    lines = [{"defaults": True, "progress_ms": 100, "script": "def main(n): return n"}, {"id": 7, "args": [1]},
             {"id": "x", "args": [], "verbose": True}, {"script": 1}, {"args": [1], "surplus": 1}]
    body = "\n".join(map(json.dumps, lines)) + "\nno JSON\n"
    answer = service.request("POST", "/execute/batch", body, NDJSON)
    entries = [json.loads(line) for line in answer.raw.splitlines()]
    assert sorted(entry["index"] for entry in entries if "index" in entry) == [0, 1, 2, 3, 4]
    assert "progress" in entries[-1]
    for line in lines[1:3]:
        document_of(service.openapi).check_schema(line, {"$ref": "#/components/schemas/BatchLine"}, "a line")
    document_of(service.openapi).check_schema(lines[0], {"$ref": "#/components/schemas/BatchDefaults"}, "defaults")


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
def test_a_live_answer_is_as_the_document_says(start, document, accept):
    service = start(pool=1, ping_ms=50)
    script = "import sys, time\ndef main():\n    print('a', flush=True)\n    time.sleep(1)\n    print('b', file=sys.stderr)\n"
    for rest in ("    open('c', 'w').write('d')", "    1 / 0"):
        body = json.dumps({"script": script + rest, "displays": True, "return_files": ["*"]})
        answer = service.request("POST", "/execute", body, {**JSON, "Accept": accept})
        assert answer.headers["Content-Type"] == accept and b"ping" in answer.raw
        for row in document["x-pyexec-events"]:
            if row["name"] not in ("call", "result" if "/" in rest else "error"):  # it has no tools
                assert row["name"].encode() in answer.raw, answer.raw.decode()
