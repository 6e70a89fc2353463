"""The tool run_python: what a model gets of code, pictures, sessions, progress."""

import base64
import json
import os
import re
import tempfile
from pathlib import Path

import pytest

from api_keys import KEY, line
from mcp import ACCEPT, ERAS, Client, images, texts
from mcp_service import client, new, old, patient, service, session, session_of, CANCELLED, INPUT_BYTES, NOTHING, ONE, OUTPUT_BYTES, PRINT_FOREVER, SCRIPT_BYTES, TWO  # noqa: F401: fixtures
from service import TIMEOUT_MS
from state import pool_of
from templates import metric


# The tool

def test_the_tool_is_described(client):
    (tool,) = client.result("tools/list")["tools"]
    schema = tool["inputSchema"]
    assert (tool["name"], tool["title"], schema["required"]) == ("run_python", "Run Python", ["code"])
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert sorted(schema["properties"]) == ["code", "files", "session", "timeout_ms"]
    assert all(one["description"] for one in schema["properties"].values())
    assert (schema["properties"]["timeout_ms"]["minimum"], schema["properties"]["timeout_ms"]["maximum"]) == (1, TIMEOUT_MS)
    assert re.search(r"Python 3\.\d+\.\d+ .*numpy \d.*pandas \d.*no network.* 3 s, 1024 MiB", tool["description"])


def described(service, **more):
    (tool,) = Client(service).result("tools/list", **more)["tools"]
    return tool["description"], tool["inputSchema"]["properties"]["timeout_ms"]["maximum"]


def test_what_can_be_imported_is_described(service, start):
    listed = service.request("GET", "/packages").body["packages"]
    others = [one["name"] for one in listed if one["name"] not in ("numpy", "pandas", "matplotlib")]
    assert all(name in described(service)[0] for name in sorted(others, key=str.lower)[:40])
    with tempfile.TemporaryDirectory(prefix="pyexec-packages-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        Path(folder, "zebra.py").write_text("")
        assert " Also there: zebra, " in described(start(pool=1, packages_dir=folder))[0]


def test_limits_of_a_key_are_described(start, keys):
    keys.write_text(line("one", KEY, "timeout_ms=700", "memory_mb=100") + line("two", "k3y-two"))
    service = start(pool=1, keys_file=keys, timeout_ms=1900)
    for headers, text, most in ((ONE, "Limits: 0.7 s, 100 MiB", 700), (TWO, "Limits: 1.9 s, 1024 MiB", 1900)):
        description, maximum = described(service, headers=headers)
        assert (text in description, maximum) == (True, most)


def test_the_list_has_what_its_era_has(new, old):
    assert old.result("tools/list").keys() == {"tools"}
    listed = new.result("tools/list")
    assert (listed["resultType"], listed["cacheScope"], listed["ttlMs"] > 0) == ("complete", "public", True)
    assert listed["tools"] == new.result("tools/list", {"cursor": "x"})["tools"]
    assert old.run("1").keys() == {"content", "structuredContent", "isError"}
    assert new.run("1").keys() == {"content", "structuredContent", "isError", "resultType", "_meta"}


@pytest.mark.parametrize(("code", "shown", "result"), [
    ("6 * 7", ["42"], 42), ("print('a')", ["a\n"], None), ("print('a', end='')\n'b'", ["a", "'b'"], "b"), ("x = 1", [NOTHING], None), ("None", [NOTHING], None),
    ("import sys\nprint('e', file=sys.stderr)\n1", ["stderr:\ne\n", "1"], 1), ("import sys\nprint('e', file=sys.stderr)\nprint('o')", ["o\n", "stderr:\ne\n"], None),
    ("[1, {'a': None}]", ["[1, {'a': None}]"], [1, {"a": None}]), ("'é ☃ 🙂 \\u2028'", ["'é ☃ 🙂 \\u2028'"], "é ☃ 🙂 \u2028"), ("print('é ☃ 🙂')", ["é ☃ 🙂\n"], None),
    ("10**40", [str(10**40)], 10**40), ("print('\\0 \\x1b[1m')", ["\0 \x1b[1m\n"], None), ("await __import__('asyncio').sleep(0, 'slept')", ["'slept'"], "slept"),
    ("import pandas as pd\npd.Series([1, 2]).sum()", ["3"], 3), ("object", ["<class 'object'>"], None), ("''", ["''"], ""), ("False", ["False"], False),
])
def test_code_that_succeeds(client, code, shown, result):
    answer = client.run(code)
    assert answer["isError"] is False
    assert (texts(answer), answer["structuredContent"]["result"]) == (shown, result)
    assert (answer["structuredContent"]["outcome"], "error" in answer["structuredContent"]) == ("ok", False)


def test_structured_content_has_both_streams(new):
    result = new.run("import sys\nprint('o')\nprint('e', file=sys.stderr)\n1")
    assert result["structuredContent"] == {"outcome": "ok", "result": 1, "stdout": "o\n", "stderr": "e\n"}


def test_an_error_has_only_the_frames_of_the_code(client):
    result = client.run("print('before')\ndef f(x):\n    return 1 / x\nf(0)")
    printed, trace = texts(result)
    assert (printed, result["isError"]) == ("before\n", True)
    assert re.findall(r'File "(.*?)", line (\d+)', trace) == [("<cell 1>", "4"), ("<cell 1>", "3")]
    assert trace.startswith("Traceback") and trace.endswith("ZeroDivisionError: division by zero") and "return 1 / x" in trace
    assert result["structuredContent"] == {"outcome": "exception", "error": trace, "stdout": "before\n", "stderr": ""}


@pytest.mark.parametrize(("code", "outcome", "words"), [
    ("x =", "invalid_script", "Syntax error.*line 1"), ("while True: pass", "time_limit", "time limit exceeded: 300 ms"),
    ("b = bytearray(2 << 30)", "memory_limit", "memory limit exceeded: 1024 MiB"), ("import sys\nsys.exit(2)", "exited", "exited with 2"),
    ("import os\nos._exit(3)", "exited", "status 3"), ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "killed", "signal 9 .SIGKILL"),
    ("raise ValueError('é ☃')", "exception", "ValueError: é ☃"), ("import nothing_such", "exception", "No module named 'nothing_such'"),
    ("input()", "exception", "EOFError"),
])
def test_code_that_fails_says_why(new, code, outcome, words):
    result = new.run(code, timeout_ms=300 if outcome == "time_limit" else TIMEOUT_MS)
    assert (result["isError"], result["structuredContent"]["outcome"]) == (True, outcome)
    assert re.search(words, texts(result)[-1]) and result["structuredContent"]["error"] == texts(result)[-1]
    assert new.value("1") == 1


def test_what_was_printed_before_a_limit_is_told(new):
    result = new.run("print('begun', flush=True)\nwhile True: pass", timeout_ms=2000)
    assert (texts(result)[0], result["structuredContent"]["stdout"], result["isError"]) == ("begun\n", "begun\n", True)


def test_a_main_that_nobody_calls_is_told(new):
    result = new.run("def main():\n    return 1")
    (text,) = texts(result)
    assert "nothing calls it" in text and result["structuredContent"]["result_problem"] == text
    assert "result_problem" not in new.run("def main():\n    return 1\nmain()")["structuredContent"]


@pytest.mark.parametrize("code", ["object()", "float('nan')", "'y' * 30_000_000"])
def test_structured_content_says_why_there_is_no_result(new, code):
    result = new.run(code)
    assert (result["isError"], result["structuredContent"]["result"]) == (False, None)
    assert result["structuredContent"]["result_problem"]


@pytest.mark.parametrize("arguments", [
    {}, {"code": None}, {"code": 1}, {"code": ["1"]}, {"code": "1", "more": 1}, {"code": "1", "memory_mb": 99}, {"code": "1", "timeout_ms": 0},
    {"code": "1", "timeout_ms": TIMEOUT_MS + 1}, {"code": "1", "timeout_ms": "1"}, {"code": "1", "files": []}, {"code": "1", "files": {"../x": "1"}},
    {"code": "1", "files": {"x": 1}}, {"code": "1", "session": 5}, {"code": "1", "session": ["new"]},
])
def test_wrong_arguments_are_told_to_the_model(client, arguments):
    result = client.result("tools/call", {"name": "run_python", "arguments": arguments})
    (text,) = texts(result)
    assert (result["isError"], "structuredContent" in result) == (True, False)
    assert any(f"'{name}'" in text for name in ("code", *arguments)), text


@pytest.mark.parametrize("arguments", [[], "code", None, 1])
def test_arguments_that_are_no_object(client, arguments):
    said = client.error(200, -32602, "tools/call", {"name": "run_python", "arguments": arguments})
    assert said == "params.arguments has to be an object"


def test_arguments_may_be_left_out(client):
    assert client.result("tools/call", {"name": "run_python"})["isError"] is True
    assert client.run("1", session=None)["isError"] is False


@pytest.mark.parametrize("params", [{"name": "nothing"}, {"name": "run_python "}, {"name": ""}, {"name": "RUN_PYTHON"}])
def test_an_unknown_tool_is_an_error_of_the_protocol(old, params):
    assert old.error(200, -32602, "tools/call", params) == f"Unknown tool: {params['name']}"


@pytest.mark.parametrize("params", [{}, {"name": 5}, {"name": None}])
def test_a_call_needs_a_name(old, params):
    old.error(200, -32602, "tools/call", params)


def test_files_are_there(client):
    data = bytes(range(256))
    files = {"a.txt": "é ☃", "b.bin": {"base64": base64.b64encode(data).decode()}, "d/c.txt": ""}
    assert client.value("[open('a.txt').read(), list(open('b.bin', 'rb').read()), open('d/c.txt').read()]", files=files) == ["é ☃", list(data), ""]


# Sessions

def test_a_session_keeps_what_code_has_made(client, service):
    handle = session_of(client.run("import math\nx = [1]\nopen('f', 'w').write('text')", session="new"))
    try:
        assert session_of(client.run("x.append(2)", session=handle)) == handle
        assert client.value("[x, math.pi > 3, open('f').read()]", session=handle) == [[1, 2], True, "text"]
        failed = client.run("x.append(3)\n1 / 0", session=handle)
        assert (failed["isError"], session_of(failed)) == (True, handle)
        assert client.run("x")["isError"] is True  # without it, nothing is there
        assert service.request("GET", f"/sessions/{handle}").status == 200
        assert service.request("POST", f"/sessions/{handle}/execute", json.dumps({"code": "x[0]"}), {"Content-Type": "application/json"}).body["result"] == 1
    finally:
        assert service.request("DELETE", f"/sessions/{handle}").status == 204


def test_a_session_outlives_code_that_is_ended(new, session):
    for code in ("import os\nos._exit(1)", "while True: pass"):
        ended = new.run(code, session=session, timeout_ms=300)
        assert (ended["isError"], session_of(ended)) == (True, session)
        assert new.value("x", session=session) == 1


def test_each_new_session_is_another(new, service):
    one, two = (session_of(new.run(f"x = {n}", session="new")) for n in range(2))
    assert [new.value("x", session=handle) for handle in (one, two)] == [0, 1]
    for handle in (one, two):
        service.request("DELETE", f"/sessions/{handle}")


@pytest.mark.parametrize("handle", ["nothing", "New", "../x", "00000000-" + "0" * 48, "é"])
def test_a_session_that_is_not_there(client, handle):
    result = client.run("1", session=handle)
    assert (result["isError"], texts(result)) == (True, ["no such session"])


def test_a_session_that_has_ended(new, service):
    handle = session_of(new.run("x = 1", session="new"))
    assert new.value("x", session=handle) == 1
    assert service.request("DELETE", f"/sessions/{handle}").status == 204
    gone = new.run("x", session=handle)
    assert gone["isError"] is True and "session" in texts(gone)[0] and "structuredContent" not in gone


# Large

def test_output_beyond_its_limit_is_cut_and_said_so(new):
    result = new.run(f"import sys\nprint('x' * {OUTPUT_BYTES + 1}, end='')\nprint('y' * {OUTPUT_BYTES + 1}, end='', file=sys.stderr)\n1")
    assert texts(result) == ["x" * OUTPUT_BYTES + "\n(the rest of stdout was cut off)", "stderr:\n" + "y" * OUTPUT_BYTES + "\n(the rest of stderr was cut off)", "1"]
    assert new.run(f"print('x' * {OUTPUT_BYTES}, end='')")["content"] == [{"type": "text", "text": "x" * OUTPUT_BYTES}]


def test_a_large_value_is_told_shortly_and_structured_whole(new):
    result = new.run("'y' * 3_000_000")
    assert len(texts(result)[0]) < 100_000 and "[...]" in texts(result)[0]
    assert result["structuredContent"]["result"] == "y" * 3_000_000


def test_a_large_message_is_refused_and_a_small_one_runs(new):
    too_large = 6 * SCRIPT_BYTES + 2 * INPUT_BYTES + 5000
    assert new.ask("tools/call", {"name": "run_python", "arguments": {"code": "#" * too_large}}).status == 413
    long = new.run("#" * (SCRIPT_BYTES + 1))
    assert long["isError"] is True and str(SCRIPT_BYTES) in texts(long)[0]
    assert new.value("#" * (SCRIPT_BYTES - 2) + "\n1") == 1


# Progress

def printed(messages):
    return "".join(message["params"]["message"] for message in messages)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("token", ["é \"", "", 0, 7])
def test_what_is_printed_is_progress(service, version, token):
    with Client(service, version).stream("run_python", {"code": "print('é ☃')\nprint('b')\n7"}, token) as stream:
        assert (stream.status, stream.is_stream, stream.headers["cache-control"]) == (200, True, "no-store")
        *told, last = stream.messages
    assert printed(told) == "é ☃\nb\n"
    assert [message["params"]["progress"] for message in told] == list(range(1, len(told) + 1))
    for message in told:
        assert (message["jsonrpc"], message["method"], message["params"]["progressToken"]) == ("2.0", "notifications/progress", token)
        assert "id" not in message
    assert (last["id"], texts(last["result"]), last["result"]["isError"]) == (1, ["é ☃\nb\n", "7"], False)


def test_progress_comes_while_the_code_runs(new):
    with new.stream("run_python", {"code": PRINT_FOREVER, "timeout_ms": TIMEOUT_MS}) as stream:
        assert next(stream.messages)["params"]["message"] == "begun\n"
        assert pool_of(new.service)["running"] == 1
        (last,) = stream.messages
    assert last["result"]["structuredContent"]["outcome"] == "time_limit"


def test_a_stream_of_code_that_prints_nothing_has_only_the_answer(new):
    with new.stream("run_python", {"code": "7"}) as stream:
        (last,) = stream.messages
    assert last["result"]["structuredContent"]["result"] == 7


def test_a_stream_of_a_session(new, session):
    with new.stream("run_python", {"code": "print(x)", "session": session}) as stream:
        *told, last = stream.messages
    assert (printed(told), session_of(last["result"])) == ("1\n", session)


def test_much_progress_is_all_there_is(new):
    with new.stream("run_python", {"code": "for n in range(2000): print('é' * 10, flush=True)"}) as stream:
        *told, last = stream.messages
    whole = last["result"]["structuredContent"]["stdout"]
    assert len(whole.encode()) == 2000 * 21 and whole.startswith(printed(told)) and told


def test_without_a_token_or_a_client_that_takes_events_there_is_no_stream(new):
    head, message = new.parts("tools/call", {"name": "run_python", "arguments": {"code": "print(1)"}}, meta={"progressToken": 1})
    for accept in ("application/json", None, "*/*"):
        answer = new.post(message, {name: value for name, value in {**head, "Accept": accept}.items() if value})
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert new.ask("tools/call", {"name": "run_python", "arguments": {"code": "print(1)"}}).headers["Content-Type"] == "application/json"
    assert new.post(message, {**head, "Accept": ACCEPT}).headers["Content-Type"] == "text/event-stream"


@pytest.mark.parametrize("token", [None, True, [1], {"a": 1}])
def test_a_progress_token_is_a_string_or_a_number(new, token):
    with new.stream("run_python", {"code": "print(1)"}, token) as stream:
        assert not stream.is_stream


def test_wrong_arguments_are_answered_without_a_stream(new):
    with new.stream("run_python", {"code": 1}) as stream:
        assert (stream.status, stream.is_stream, stream.whole()["result"]["isError"]) == (200, False, True)


def test_silence_is_filled_with_pings(patient):
    with Client(patient).stream("run_python", {"code": PRINT_FOREVER}) as stream:
        assert next(stream.messages)["params"]["message"] == "begun\n"
        while stream.pings < 3:
            assert stream.read_on()
    patient.wait_idle()


@pytest.mark.parametrize("arguments", [{}, {"session": "new"}])
def test_closing_the_stream_ends_the_job(patient, arguments):
    cancelled = metric(patient, CANCELLED)
    with Client(patient).stream("run_python", {"code": PRINT_FOREVER, **arguments}) as stream:
        assert next(stream.messages)["params"]["message"] == "begun\n"
        assert metric(patient, CANCELLED) == cancelled
    patient.wait_until(lambda: metric(patient, CANCELLED) == cancelled + 1)
    assert Client(patient).value("1") == 1


def test_closing_the_connection_of_a_plain_call_ends_the_job(patient):
    cancelled = metric(patient, CANCELLED)
    head, message = Client(patient).parts("tools/call", {"name": "run_python", "arguments": {"code": PRINT_FOREVER}})
    connection = patient.connect()
    connection.request("POST", "/mcp", json.dumps(message), head)
    patient.wait_until(lambda: pool_of(patient)["running"] == 1)
    connection.close()
    patient.wait_until(lambda: metric(patient, CANCELLED) == cancelled + 1)
    patient.wait_idle()


# Room

def test_what_there_is_no_room_for_is_told(start, keys):
    keys.write_text(line("one", KEY, "running=1") + line("two", "k3y-two"))
    service = start(pool=1, running=1, max_queued=0, sessions=1, keys_file=keys, timeout_ms=600_000)
    one, two = (Client(service, headers=headers) for headers in (ONE, TWO))
    handle = session_of(two.run("x = 1", session="new"))
    full = two.run("1", session="new")
    assert (full["isError"], "session" in texts(full)[0], "structuredContent" in full) == (True, True, False)
    assert two.value("x", session=handle) == 1
    service.wait_idle()
    with one.stream("run_python", {"code": PRINT_FOREVER}) as stream:
        assert next(stream.messages)["params"]["message"] == "begun\n"
        busy = two.run("1")
        assert (busy["isError"], "try again" in texts(busy)[0]) == (True, True)
        refused = one.ask("tools/call", {"name": "run_python", "arguments": {"code": "1"}})
        assert (refused.status, "API key" in refused.body["error"], "Retry-After" in refused.headers) == (429, True, True)
        assert one.result("tools/list")["tools"]  # takes no room
    service.wait_idle()
    assert one.value("1") == two.value("1") == 1


def test_cells_of_others_get_all_files_after_a_model_was_there(new):
    """What a model has been shown is no matter of theirs."""
    handle = new.run("open('a.csv', 'w').write('1')", session="new")["structuredContent"]["session"]
    assert new.run("2", session=handle)["isError"] is False
    body = json.dumps({"code": "open('b.csv', 'w').write('2')", "return_files": ["*.csv"]})
    answer = new.service.request("POST", f"/sessions/{handle}/execute", body, {"Content-Type": "application/json"})
    assert sorted(answer.body["files"]) == ["a.csv", "b.csv"]
