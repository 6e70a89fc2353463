"""Cells: `code` instead of `script`, at every endpoint that takes jobs."""

import base64
import json

import pytest

from levels import start_kind

DATA_FRAME = "import pandas as pd\nprint('read')\npd.DataFrame({'a': [1, 2]})"
NEITHER = "'script' has a function main(); 'code' needs none"


def post(service, **body):
    return service.post(body)


@pytest.mark.parametrize(
    "code, body",
    [
        ("1 + 1", {"result": 2, "repr": "2", "stdout": ""}),
        ("print('x')", {"result": None, "repr": None, "stdout": "x\n"}),
        ("import asyncio\nx = await asyncio.sleep(0, 'y')\nx", {"result": "y", "repr": "'y'", "stdout": ""}),
        (DATA_FRAME, {"result": [{"a": 1}, {"a": 2}], "repr": "   a\n0  1\n1  2", "stdout": "read\n"}),
        ("__name__", {"result": "__main__", "repr": "'__main__'", "stdout": ""}),
        ("'\\ud800'", {"result": None, "repr": "'\\ud800'", "stdout": "", "result_problem":
                       "UnicodeEncodeError: the result holds a lone surrogate, which has no UTF-8 form (at result)"}),
    ],
)
def test_a_cell_is_answered_with_its_last_value(service, code, body):
    answer = post(service, code=code, displays=False)
    assert (answer.status, answer.outcome) == (200, "ok")
    assert json.loads(answer.raw) == body
    shown = post(service, code=code).body.get("displays")
    assert shown == ([{"text/html": shown[0]["text/html"]}] if code == DATA_FRAME else None)


def test_the_answer_of_a_script_has_no_more_than_before(service):
    assert post(service, script="def main(): return 1").raw == b'{"result": 1, "stdout": ""}'


@pytest.mark.parametrize(
    "body, message, hint",
    [
        ({"script": "x", "code": "y"}, "a request has 'script' or 'code', not both", None),
        ({}, "'script' field is required", NEITHER),
        ({"code": "y", "args": []}, "'args' field is for main() of a 'script', and this is 'code'", None),
        ({"code": None}, "'code' field must be a string, not null", None),
    ],
)
def test_requests_that_are_refused(service, body, message, hint):
    answer = post(service, **body)
    assert (answer.status, answer.outcome, answer.body) == (400, "invalid_request", {"error": message})
    assert answer.headers.get("Pyexec-Hint") == hint


def test_code_that_is_a_script_keeps_the_contracts_words(service):
    answer = post(service, code='def main(): return {"a": 1}')
    assert (answer.status, answer.body) == (400, {"error": "'script' field is required"})
    assert "send it as 'script'" in answer.headers["Pyexec-Hint"]
    assert post(service, code='def main(): return {"a": 1}\nmain()').body["result"] == {"a": 1}


@pytest.mark.parametrize(
    "code, status, outcome, error",
    [
        ("x = (", 400, "invalid_script", "Syntax error in code: "),
        ("1 / 0", 422, "exception", 'Traceback (most recent call last):\n  File "<cell 1>", line 1, in <module>\n'),
        ("import sys\nprint('so far')\nsys.exit(1)", 422, "exited", "code exited with 1 before its end"),
        ("import os\nos._exit(3)", 422, "exited", "code exited with status 3 before its end"),
        ("import os\nos.kill(os.getpid(), 9)", 422, "killed", "script was killed by signal 9"),
        ("x = bytearray(1 << 31)", 422, "memory_limit", "memory limit exceeded"),
    ],
)
def test_how_else_a_cell_ends(service, code, status, outcome, error):
    answer = post(service, code=code)
    assert (answer.status, answer.outcome) == (status, outcome)
    assert answer.body["error"].startswith(error) and answer.body.keys() == {"error", "stdout"}


def test_fields_of_a_job_are_those_of_a_script(service):
    answer = post(
        service, code="import os, sys\nopen('out.txt', 'w').write('w')\n(sys.stdin.read(), os.environ['TZ'], open('in.txt').read())",
        stdin="typed", env={"TZ": "Europe/Paris"}, files={"in.txt": "sent"}, return_files=["*.txt"], verbose=True,
    )
    assert answer.body["result"] == ["typed", "Europe/Paris", "sent"]
    assert base64.b64decode(answer.body["files"]["out.txt"]["base64"]) == b"w"
    assert (answer.body["outcome"], answer.body["error_detail"]) == ("ok", None)
    assert post(service, code="while True: pass", timeout_ms=100).outcome == "time_limit"
    failed = post(service, code="x = 1\n1 / 0", verbose=True).body["error_detail"]
    assert (failed["type"], failed["line"], failed["source"]) == ("ZeroDivisionError", 2, "x = 1\n1 / 0")


@pytest.mark.parametrize("levels", [499, 501, 50_000])
def test_a_value_that_is_too_deep_is_none_of_json(service, levels):
    body = post(service, code=f"x = 1\nfor _ in range({levels}): x = [x]\nx").body
    assert ("result_problem" in body, body["result"] is None) == (levels > 500, levels > 500)


def test_a_file_named_as_the_cells_module_changes_nothing(service):
    code = "import sys\nclass A:\n    def __repr__(self): return str(sys.modules['__main__'].__dict__ is globals())\nA()"
    assert post(service, code=code, files={"__main__.py": "x = 1"}).body["repr"] == "True"


def test_a_large_repr_comes_back_whole_up_to_its_limit(service):
    body = post(service, code="'a' * 300_000").body
    assert len(body["result"]) == 300_000
    assert 65000 < len(body["repr"]) <= 65536 and "\n[...]\n" in body["repr"]


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/x-ndjson"])
def test_a_live_answer_has_the_text_beside_the_result(service, media_type):
    headers = {"Content-Type": "application/json", "Accept": media_type}
    answer = service.request("POST", "/execute", json.dumps({"code": DATA_FRAME}), headers)
    text = answer.raw.decode()
    if media_type == "application/x-ndjson":
        events = [json.loads(line) for line in text.splitlines()]
    else:
        events = [json.loads(line[len("data: "):]) for line in text.splitlines() if line.startswith("data: ")]
    (result,) = [event for event in events if "result" in event]
    assert (result["result"], result["repr"]) == ([{"a": 1}, {"a": 2}], "   a\n0  1\n1  2")


def test_a_batch_may_mix_cells_and_scripts(service):
    lines = [
        {"defaults": True, "code": "import os\nos.environ['JOB_N']"}, {"env": {"JOB_N": "1"}}, {"script": "def main(): return 2"},
        {"code": "3"}, {"code": "def main(): pass"},
    ]
    body = "\n".join(map(json.dumps, lines))
    answer = service.request("POST", "/execute/batch", body, {"Content-Type": "application/x-ndjson"})
    entries = sorted((json.loads(line) for line in answer.raw.splitlines()), key=lambda entry: entry["index"])
    assert [entry.get("result") for entry in entries] == ["1", 2, 3, None]
    assert ["repr" in entry for entry in entries] == [True, False, True, False]
    assert entries[3]["error"].startswith("'script' field is required; this 'code' only defines main()")


def test_a_message_of_a_queue_may_be_a_cell(service):
    answer = service.request("POST", "/queue/tasks", json.dumps({"code": "6 * 7"}), {"X-CloudTasks-TaskName": "cell"})
    assert (answer.status, answer.body["result"], answer.body["repr"]) == (200, 42, "42")


@pytest.mark.parametrize("kind", ["root-2", "root-1"])
def test_cells_run_at_weaker_levels(kind, programs, shm):
    with start_kind(kind, programs, shm) as service:
        body = post(service, code="import asyncio, tempfile\nawait asyncio.sleep(0)\ntempfile.TemporaryFile('w').write('abc')").body
        assert (body["result"], body["repr"]) == (3, "3")
        assert post(service, code="1 / 0").outcome == "exception"


@pytest.mark.parametrize("word", ["repr", "result_problem", "other"])
def test_what_a_cell_sends_in_place_of_its_report_is_only_text(service, word):
    """A cell that reaches into the runner can say of itself what it likes, within the limits."""
    code = (
        "import sys\nrunner = sys.modules['_pyexec_runner']\nold = runner._show\n"
        "def show(script, cell, value, nan, most, detail):\n"
        f"    detail.append(('{word}', b'\\xff' * 1000))\n    return 1, b'7'\n"
        "runner._show = show\n1"
    )
    body = post(service, code=code).body
    assert body["result"] == 7
    assert body.get(word) == (None if word == "other" else "\ufffd" * 1000)


def test_a_report_with_too_much_text_is_no_report(service):
    code = "import sys\nsys.modules['_pyexec_runner']._show = lambda *a: a[5].append(('repr', b'x' * 300_000)) or (1, b'7')\n1"
    answer = post(service, code=code)
    assert (answer.status, answer.outcome) != (200, "ok")
    assert post(service, code="1").body["result"] == 1
