"""Tools: functions of the caller's that a script calls, in each kind of request, and what becomes of their arguments."""

import concurrent.futures
import json
import re
import textwrap

import pytest

from sessions import Session
from templates import Template
from tools import begin, drive, drive_live, parked, send_answers

SSE, NDJSON = "text/event-stream", "application/x-ndjson"
TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{48}")
SEARCH = {
    "name": "search",
    "description": "Finds products.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["query"]},
}


def echo(*args, **kwargs):
    return list(args) if args else kwargs


def main(body):
    return "def main():\n" + textwrap.indent(body, "    ")


def text_of(events, name):
    return "".join(data["text"] for event, data in events if event == name)


def sent(service, expression, setup="", **request):
    """What the caller gets for the arguments of `echo`."""
    run = drive(service, {"echo": echo}, script=setup + "\n" + main(f"return echo({expression})"), **request)
    assert run.answer.outcome == "ok", run.answer
    return run.calls[0]["args"]


# The plain answers

def test_a_call_and_its_answer(service):
    first = begin(service, script=main("print('begun')\nfound = search('tea', 3)\nprint('got', found)\nreturn found['n'] + 1"), tools=[SEARCH])
    assert (first.status, first.outcome, first.headers["Content-Type"]) == (200, "calls", "application/json")
    assert TOKEN.fullmatch(first.body["continue"])
    assert first.body == {
        "outcome": "calls", "continue": first.body["continue"], "stdout": "begun\n",
        "calls": [{"id": 1, "name": "search", "args": {"query": "tea", "limit": 3}}],
    }
    last = send_answers(service, first.body["continue"], [{"id": 1, "result": {"n": 41}}])
    assert (last.status, last.outcome) == (200, "ok")
    assert last.body == {"result": 42, "stdout": "begun\ngot {'n': 41}\n"}


def test_a_job_that_calls_nothing_is_answered_at_once(service):
    answer = begin(service, script=main("return callable(search)"), tools=["search"])
    assert (answer.outcome, answer.body) == ("ok", {"result": True, "stdout": ""})


def test_calls_one_after_another_have_numbers_and_tokens_of_their_own(service):
    run = drive(service, {"add": lambda a, b: a + b}, script=main("total = 0\nfor n in range(5): total = add(total, n)\nreturn total"))
    assert run.result == 10
    assert [[call["id"] for call in calls] for calls in run.rounds] == [[1], [2], [3], [4], [5]]


def test_stdout_has_all_so_far_and_stderr_if_verbose(service):
    script = "import sys\n" + main("print('a')\nprint('x', file=sys.stderr)\nf()\nprint('b')\nf()\nprint('c')")
    plain = parked(service, script=script, tools=["f"])
    assert (plain["stdout"], "stderr" in plain) == ("a\n", False)
    plain = send_answers(service, plain["continue"], [{"id": 1, "result": 0}]).body
    assert plain["stdout"] == "a\nb\n"
    assert send_answers(service, plain["continue"], [{"id": 2, "result": 0}]).body == {"result": None, "stdout": "a\nb\nc\n"}
    verbose = parked(service, script=script, tools=["f"], verbose=True)
    assert (verbose["stdout"], verbose["stderr"]) == ("a\n", "x\n")
    run = drive(service, {"f": lambda: 0}, script=script, verbose=True)
    assert (run.answer.body["outcome"], run.answer.body["stderr"], run.answer.body["limits"]["timeout_ms"]) == ("ok", "x\n", 3000)
    send_answers(service, verbose["continue"], [{"id": 1, "error": "no more"}])


def test_output_beyond_its_limit_is_cut_in_each_answer(service):
    first = parked(service, script=main("print('x' * 100)\nf()"), tools=["f"], output_bytes=10)
    assert (first["stdout"], first["stdout_truncated"]) == ("x" * 10, True)
    assert send_answers(service, first["continue"], [{"id": 1, "result": 0}]).body == {"result": None, "stdout": "x" * 10, "stdout_truncated": True}


def test_a_thread_prints_while_another_waits(service):
    script = "import threading\n" + main(
        "printed = threading.Event()\n"
        "def work():\n    f('first')\n    print('between')\n    printed.set()\n    f('third')\n"
        "thread = threading.Thread(target=work); thread.start()\n"
        "printed.wait(); f('second'); thread.join()"
    )
    run = drive(service, {"f": lambda word: word}, script=script)
    assert run.answer.body["stdout"] == "between\n"
    assert sorted(call["args"][0] for call in run.calls) == ["first", "second", "third"]


def test_a_result_may_be_any_value(service):
    values = [None, True, 0, -1.5, "", "текст ☃ 🙂 \u2028", [], {}, [1, [2, {"a": None}]], {"": {"b": [False]}}, 10**40, -(10**25), "a\0b"]
    for value in values:
        assert drive(service, {"f": lambda value=value: value}, script=main("return f()")).result == value


def test_other_fields_work_beside_it(service):
    run = drive(
        service, {"f": lambda text: text.upper()}, script="import os, sys\ndef main(a):\n    open('out', 'w').write(f(a + sys.stdin.read() + open('in').read() + os.environ['JOB_A']))",
        args=["1"], stdin="2", files={"in": "3"}, env={"JOB_A": "x"}, return_files=["out"], memory_mb=300, nan="null",
    )
    assert run.answer.body["files"]["out"]["base64"] == "MTIzWA=="


@pytest.mark.parametrize(("script", "outcome"), [
    ("f()\nreturn 1 / 0", "exception"), ("f()\nreturn object()", "not_serializable"), ("f()\nimport os; os._exit(3)", "exited"),
    ("f()\nimport sys; sys.exit(3)", "exited"), ("f()\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed"),
    ("f()\nb = bytearray(2 << 30)", "memory_limit"), ("f()\nwhile True: pass", "time_limit"),
])
def test_each_outcome_comes_after_calls(service, script, outcome):
    limit = {"timeout_ms": 300} if outcome == "time_limit" else {}
    answer = drive(service, {"f": lambda: 1}, script=main(script), **limit).answer
    assert (answer.status, answer.outcome) == (422, outcome)


def test_a_script_without_main_may_call_before_that_is_known(service):
    run = drive(service, {"f": lambda: 1}, script="f()")
    assert ([call["name"] for call in run.calls], run.answer.outcome, run.answer.status) == (["f"], "invalid_script", 400)


# Errors

def test_an_error_raises_a_tool_error(service):
    script = main("try:\n    f()\nexcept ToolError as error:\n    return [type(error).__name__, str(error), isinstance(error, Exception)]")
    first = parked(service, script=script, tools=["f"])
    last = send_answers(service, first["continue"], [{"id": 1, "error": "no such table: ☃"}])
    assert last.body["result"] == ["ToolError", "no such table: ☃", True]


def test_an_error_that_nobody_catches_is_an_exception(service):
    first = parked(service, script=main("return f()"), tools=["f"], verbose=True)
    last = send_answers(service, first["continue"], [{"id": 1, "error": "no such table"}])
    assert (last.status, last.outcome, last.body["error_detail"]["message"], last.body["error_detail"]["line"]) == (422, "exception", "no such table", 2)
    assert last.body["error"].startswith("Traceback") and "ToolError: no such table" in last.body["error"]
    assert last.body["error_detail"]["type"].endswith("ToolError")


def test_a_tool_that_is_not_named_is_none(service):
    run = drive(service, {"f": lambda: 1}, script=main("return g()"))
    assert (run.answer.outcome, run.calls) == ("exception", [])
    assert "NameError" in run.answer.body["error"]


# Threads and coroutines

def test_threads_wait_at_the_same_time(service):
    script = "import concurrent.futures\n" + main("with concurrent.futures.ThreadPoolExecutor(8) as pool:\n    return list(pool.map(square, range(20)))")
    run = drive(service, {"square": lambda n: n * n}, script=script)
    assert run.result == [n * n for n in range(20)]
    assert sorted(call["args"][0] for call in run.calls) == list(range(20))
    assert max(len(calls) for calls in run.rounds) > 1


def test_threads_get_the_answers_to_their_own_calls(service):
    """Whatever the order in which they are answered."""
    script = "import concurrent.futures\n" + main("with concurrent.futures.ThreadPoolExecutor(6) as pool:\n    return list(pool.map(square, range(6)))")
    answer = begin(service, script=script, tools=["square"])
    while answer.outcome == "calls":
        results = [{"id": call["id"], "result": call["args"][0] ** 2} for call in reversed(answer.body["calls"])]
        answer = send_answers(service, answer.body["continue"], results)
    assert answer.body["result"] == [0, 1, 4, 9, 16, 25]


def test_an_error_is_that_of_its_own_thread(service):
    script = "import concurrent.futures\n" + main(
        "def one(n):\n    try:\n        return f(n)\n    except ToolError as error:\n        return str(error)\n"
        "with concurrent.futures.ThreadPoolExecutor(4) as pool:\n    return list(pool.map(one, range(4)))"
    )

    def odd(n):
        if n % 2:
            raise ValueError(f"{n} is odd")
        return n

    assert drive(service, {"f": odd}, script=script).result == [0, "1 is odd", 2, "3 is odd"]


def test_gather_is_one_round(service):
    script = "import asyncio\nasync def main():\n    return await asyncio.gather(*(f(n) for n in range(10)))"
    run = drive(service, {"f": lambda n: n * 2}, script=script, tools_style="async")
    assert run.result == [n * 2 for n in range(10)]
    assert [len(calls) for calls in run.rounds] == [10]


def test_a_coroutine_goes_on_beside_one_that_waits(service):
    script = """
import asyncio
async def main():
    seen = []
    async def other():
        for n in range(3):
            await asyncio.sleep(0)
            seen.append(n)
    return [await asyncio.gather(f(1), other()), seen]
"""
    assert drive(service, {"f": lambda n: n}, script=script, tools_style="async").result == [[1, None], [0, 1, 2]]


def test_coroutines_raise_and_can_be_cancelled(service):
    script = """
import asyncio
async def main():
    errors = await asyncio.gather(f(1), f(2), return_exceptions=True)
    task = asyncio.ensure_future(f(3))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    return [[type(error).__name__ for error in errors], await f(4)]
"""

    def picky(n):
        if n < 3:
            raise ValueError("no")
        return n

    assert drive(service, {"f": picky}, script=script, tools_style="async").result == [["ToolError", "ToolError"], 4]


def test_async_tools_in_a_cell_and_in_a_loop_of_the_scripts_own(service):
    assert drive(service, {"f": lambda n: n + 1}, code="await f(1) + await f(2)", tools_style="async").answer.body == {"result": 5, "repr": "5", "stdout": ""}
    script = "import asyncio\n" + main("return [asyncio.run(f(n)) for n in range(3)]")
    assert drive(service, {"f": lambda n: n + 1}, script=script, tools_style="async").result == [1, 2, 3]


def test_styles(service):
    script = "import inspect\n" + main("return inspect.iscoroutinefunction(f)")
    assert [drive(service, {"f": echo}, script=script, **style).result for style in ({}, {"tools_style": "sync"}, {"tools_style": "async"})] == [False, False, True]


# The functions in the script

def test_what_a_tool_looks_like(service):
    script = main("return [search.__name__, search.__doc__, search.__module__, ToolError.__module__]")
    assert begin(service, script=script, tools=[SEARCH]).body["result"] == ["search", "Finds products.", "pyexec", "pyexec"]


def test_modules_that_are_sent_import_them(service):
    files = {"helper.py": "from pyexec import search, ToolError\nimport pyexec\ndef find():\n    try:\n        return [search('tea'), pyexec.search('x')]\n    except ToolError as error:\n        return str(error)"}
    run = drive(service, {"search": lambda query: query + "!"}, script="import helper\n" + main("return helper.find()"), files=files, tools=[SEARCH])
    assert (run.result, [call["args"] for call in run.calls]) == (["tea!", "x!"], [{"query": "tea"}, {"query": "x"}])
    without = begin(service, script=main("import pyexec"))
    assert (without.outcome, "No module named 'pyexec'" in without.body["error"]) == ("exception", True)


def test_a_tool_may_be_named_as_a_builtin(service):
    run = drive(service, {"print": lambda text: len(text), "open": lambda name: "not a file"}, script="import io\n" + main("return [print('hello'), open('x'), io.open('/dev/null').read()]"))
    assert (run.result, run.answer.body["stdout"]) == ([5, "not a file", ""], "")


def test_the_scripts_own_names_come_after_those_of_the_tools(service):
    run = drive(service, {"f": lambda: "the caller's"}, script="tool = f\ndef f(): return 'the own'\n" + main("return [f(), tool()]"))
    assert run.result == ["the own", "the caller's"]


def test_calls_at_the_scripts_top_level_and_deep_inside(service):
    script = "first = f(0)\ndef down(n):\n    return f(n) if n == 50 else down(n + 1)\n" + main("return [first, down(1), sorted([3, 1, 2], key=f), [f(x) for x in 'ab']]")
    assert drive(service, {"f": lambda x: x}, script=script).result == [0, 50, [1, 2, 3], ["a", "b"]]


def test_a_call_in_a_method_that_is_called_while_arguments_are_converted(service):
    script = "import collections.abc\nclass Lazy(collections.abc.Mapping):\n    def __iter__(self): return iter(['k'])\n    def __len__(self): return 1\n    def __getitem__(self, key): return f(key)\n" + main("return f(Lazy())")
    run = drive(service, {"f": lambda x: x}, script=script)
    assert (run.result, [call["args"] for call in run.calls]) == ({"k": "k"}, [["k"], [{"k": "k"}]])


# Arguments

@pytest.mark.parametrize(("expression", "args"), [
    ("", {}), ("1", [1]), ("1, 'b', None", [1, "b", None]), ("a=1, b=[2]", {"a": 1, "b": [2]}), ("'текст ☃ 🙂'", ["текст ☃ 🙂"]),
    ("10**40", [10**40]), ("(1, 2)", [[1, 2]]), ("{1, 2}", [[1, 2]]), ("b'ab'", ["YWI="]), ("{1: 2}", [{"1": 2}]), ("np.int64(5)", [5]),
    ("np.float32(1.5)", [1.5]), ("np.bool_(True)", [True]), ("np.arange(3)", [[0, 1, 2]]), ("pd.Timestamp('2024-01-02 03:04')", ["2024-01-02T03:04:00"]),
    ("pd.NaT", [None]), ("pd.DataFrame({'a': [1, 2], 'b': ['x', float('nan')]})", [[{"a": 1, "b": "x"}, {"a": 2, "b": None}]]),
    ("x=pd.Series([1.0, float('nan')])", {"x": [1.0, None]}), ("decimal.Decimal('1.10')", ["1.10"]), ("datetime.timedelta(seconds=61)", ["P0DT0H1M1S"]),
])
def test_arguments_are_converted_as_results_are(service, expression, args):
    assert sent(service, expression, "import numpy as np, pandas as pd, decimal, datetime") == args


@pytest.mark.parametrize(("expression", "problem"), [
    ("object()", "Object of type object is not JSON serializable (at args[0])"), ("a={'b': [1j]}", "Object of type complex is not JSON serializable (at args.a.b[0])"),
    ("float('nan')", "Out of range float values are not JSON compliant"), ("float('inf')", "Out of range float values are not JSON compliant"),
])
def test_arguments_without_a_form_raise_where_the_call_is(service, expression, problem):
    run = drive(service, {"echo": echo}, script=main(f"try:\n    echo({expression})\nexcept TypeError as error:\n    return [str(error), echo('works')]"))
    text, works = run.result
    assert problem in text and text.startswith("echo(): ")
    assert (works, len(run.calls)) == (["works"], 1)


def test_nan_is_null_where_the_request_says_so(service):
    assert sent(service, "float('nan'), [float('inf')]", nan="null") == [None, [None]]


def test_lone_surrogates_do_not_reach_the_caller(service):
    run = drive(service, {"echo": echo}, script=main("try:\n    return ['sent', echo('\\ud800')]\nexcept TypeError as error:\n    return ['refused', echo('works')]"))
    assert run.result in (["refused", ["works"]], ["sent", ["\ufffd"]])


def test_too_deep_arguments_raise(service):
    script = main("x = []\nfor _ in range(100000): x = [x]\ntry:\n    echo(x)\nexcept Exception as error:\n    return type(error).__name__, echo(1)")
    kind, works = drive(service, {"echo": echo}, script=script).result
    assert (kind in ("TypeError", "RecursionError", "ToolError"), works) == (True, [1])


SCHEMA = {**SEARCH, "name": "echo"}
CLOSED = {"name": "echo", "input_schema": {"properties": {"query": {}, "limit": {}}, "additionalProperties": False}}


@pytest.mark.parametrize(("tool", "expression", "args"), [
    (SCHEMA, "'tea', 3", {"query": "tea", "limit": 3}), (SCHEMA, "'tea', limit=3", {"query": "tea", "limit": 3}), (SCHEMA, "limit=3, query='tea'", {"query": "tea", "limit": 3}),
    (SCHEMA, "'tea', more=1", {"query": "tea", "more": 1}), (CLOSED, "", {}), (CLOSED, "'tea'", {"query": "tea"}), ({"name": "echo", "input_schema": {}}, "", {}),
    ({"name": "echo", "input_schema": {}}, "a=1", {"a": 1}), ({"name": "echo"}, "1", [1]), ({"name": "echo"}, "a=1", {"a": 1}), ("echo", "1", [1]),
])
def test_arguments_are_bound_by_the_schema(service, tool, expression, args):
    assert sent(service, expression, tools=[tool]) == args


@pytest.mark.parametrize(("tool", "expression", "problem"), [
    (SCHEMA, "'tea', 3, 4", "echo() takes 2 positional arguments, but 3 were given"), (SCHEMA, "'tea', query='x'", "echo() got multiple values for argument 'query'"),
    (SCHEMA, "limit=3", "echo() is called without 'query'"), (CLOSED, "more=1", "echo() got an unexpected keyword argument 'more'"),
    ({"name": "echo", "input_schema": {}}, "1", "echo() takes 0 positional arguments, but 1 were given"),
    ("echo", "1, a=2", "echo() takes all of its arguments by name or none, as the request has no input_schema of it"),
])
def test_what_does_not_fit_the_schema_raises_and_is_no_call(service, tool, expression, problem):
    run = drive(service, {"echo": echo}, script=main(f"try:\n    echo({expression})\nexcept TypeError as error:\n    return str(error)"), tools=[tool])
    assert (run.result, run.calls) == (problem, [])


# Live

@pytest.mark.parametrize("accept", [SSE, NDJSON])
def test_live_each_call_is_an_event(service, accept):
    script = main("print('begun\\n', end='')\na = add(1, b=2)\nprint(f'got {a}\\n', end='')\nreturn add(a, b=10)")
    tool = {"name": "add", "input_schema": {"properties": {"a": {}, "b": {}}}}
    told = drive_live(service, {"add": lambda a, b: a + b}, accept, script=script, tools=[tool])
    calls = [members for name, members in told if name == "call"]
    assert [name for name, _ in told] == ["stdout", "call", "stdout", "call", "result", "end"]
    assert [(call["id"], call["name"], call["args"]) for call in calls] == [(1, "add", {"a": 1, "b": 2}), (2, "add", {"a": 3, "b": 10})]
    assert all(TOKEN.fullmatch(call["continue"]) for call in calls) and calls[0]["continue"] != calls[1]["continue"]
    assert all(call.keys() == {"continue", "id", "name", "args"} for call in calls)
    assert (text_of(told, "stdout"), told[-2][1], told[-1][1]["outcome"]) == ("begun\ngot 3\n", {"result": 13}, "ok")


def test_live_calls_of_threads_have_tokens_of_their_own(service):
    script = "import concurrent.futures\n" + main("with concurrent.futures.ThreadPoolExecutor(5) as pool:\n    return list(pool.map(f, range(5)))")
    told = drive_live(service, {"f": lambda n: -n}, script=script)
    assert (dict(told)["result"], len({members["continue"] for name, members in told if name == "call"})) == ({"result": [0, -1, -2, -3, -4]}, 5)


def test_live_an_error(service):
    def fail():
        raise ValueError("not today")

    told = drive_live(service, {"f": fail}, script=main("return f()"))
    assert "ToolError: not today" in dict(told)["error"]["error"]
    assert told[-1][1]["outcome"] == "exception"


# Templates and sessions

def test_a_template_with_a_call(service):
    with Template(service, "def twice(n): return f(n) * 2\ndef hidden(): return 'f' in globals()") as template:
        run = drive(service, {"f": lambda n: n + 1}, template=template.name, call="twice", args=[4])
        assert (run.result, run.calls[0]["args"]) == (10, [4])
        assert template.call("hidden") is False
        assert drive(service, {"f": lambda n: n}, template=template.name, code="twice(f(3))").result == 6
        assert drive(service, {"f": lambda n: n}, template=template.name, script=main("return twice(3)")).result == 6


def test_jobs_of_one_template_at_once(service):
    with Template(service, "def twice(n): return f(n) * 2") as template, concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = pool.map(lambda n: drive(service, {"f": lambda m: m}, template=template.name, call="twice", args=[n]).result, range(3))
        assert list(runs) == [0, 2, 4]


def test_a_cell_of_a_session(service):
    with Session(service, code="x = 1") as session:
        path = f"{session.path}/execute"
        run = drive(service, {"f": lambda n: n * 10}, path, code="x = f(x)\nprint(x)\nx + 1")
        assert run.answer.body == {"result": 11, "repr": "11", "cell": 1, "head": 1, "stdout": "10\n"}
        assert session.result("x") == 10


def test_a_function_of_an_earlier_cell_is_stale(service):
    with Session(service) as session:
        path = f"{session.path}/execute"
        assert drive(service, {"f": lambda: 1}, path, code="kept = f\nf()").result == 1
        stale = "try:\n    r = {}\nexcept ToolError as error:\n    r = str(error)\nr"
        assert session.result(stale.format("kept()")) == "this request names no tool 'f'"
        run = drive(service, {"f": lambda: 2}, path, code=stale.format("kept()") + "\n[r, f()]")
        assert (run.result, len(run.calls)) == (["this request names no tool 'f'", 2], 1)
        run = drive(service, {"g": lambda: 3}, path, code=stale.format("f()") + "\n[r, g()]")
        assert (run.result, len(run.calls)) == (["this request names no tool 'f'", 3], 1)


def test_a_cell_that_fails_in_a_call_goes_on_as_others(service):
    def fail():
        raise ValueError("not today")

    with Session(service, code="x = 1") as session:
        run = drive(service, {"f": fail}, f"{session.path}/execute", code="x = 2\nf()")
        assert (run.answer.status, run.answer.outcome, run.answer.body["head"]) == (422, "exception", 1)
        assert session.result("x") == 2


def test_undo_by_at(service):
    with Session(service, code="x = 1") as session:
        path = f"{session.path}/execute"
        assert drive(service, {"f": lambda n: n + 1}, path, code="x = f(x); x").result == 2
        assert drive(service, {"f": lambda n: n + 5}, path, code="x = f(x); x", at=0).result == 6
        assert [session.result("x"), session.result("x", at=1)] == [6, 2]


def test_the_state_of_a_waiting_cell_can_be_used_beside_it(service):
    with Session(service, code="x = 1") as session:
        waiting = parked(service, f"{session.path}/execute", code="x = f(); x", tools=["f"])
        assert session.result("x", at=0) == 1
        assert send_answers(service, waiting["continue"], [{"id": 1, "result": 7}]).body["result"] == 7
        assert session.result("x") == 7


def test_a_cell_of_a_session_live(service):
    with Session(service) as session:
        told = drive_live(service, {"f": lambda: 4}, path=f"{session.path}/execute", code="y = f()\ny")
        assert dict(told)["result"] == {"result": 4, "repr": "4", "cell": 1, "head": 1}
        assert session.result("y") == 4


# Requests

@pytest.mark.parametrize(("fields", "problem"), [
    ({"tools": "f"}, "'tools' field must be an array, not a string"), ({"tools": [1]}, "'tools' entries must be names, or objects with a name, not a number"),
    ({"tools": [{}]}, "an entry of 'tools' has no 'name'"), ({"tools": [{"name": "f", "more": 1}]}, "unknown field 'more' in an entry of 'tools'; there are name, description and input_schema"),
    ({"tools": [{"name": 1}]}, "'name' of an entry of 'tools' must be a string, not a number"), ({"tools": [{"name": "f", "input_schema": []}]}, "'input_schema' of an entry of 'tools' must be an object, not an array"),
    ({"tools": [{"name": "f", "description": {}}]}, "'description' of an entry of 'tools' must be a string, not an object"), ({"tools": ["f", "f"]}, "'tools' entry 'f' is given twice"),
    ({"tools": ["a b"]}, "'tools' entry 'a b' must be a name of Python: letters, digits and _"), ({"tools": [""]}, "'tools' entry '' must be a name of Python: letters, digits and _"),
    ({"tools": ["ä"]}, "'tools' entry 'ä' must be a name of Python: letters, digits and _"), ({"tools": ["class"]}, "'tools' entry 'class' is a keyword of Python; call it class_"),
    ({"tools": ["main"]}, "'tools' entry 'main' means something else in a script; choose another name"), ({"tools": ["ToolError"]}, "'tools' entry 'ToolError' means something else in a script; choose another name"),
    ({"tools": ["__f"]}, "'tools' entry '__f' means something else in a script; choose another name"), ({"tools": ["f" * 65]}, f"'tools' entry '{'f' * 65}' is longer than 64 letters"),
    ({"tools": [f"f{n}" for n in range(201)]}, "'tools' has more than 200 entries"), ({"tools": ["f"], "tools_style": "threads"}, "'tools_style' field must be \"sync\" or \"async\""),
    ({"tools_style": "async"}, "'tools_style' field is for 'tools', and there are none"),
])
def test_malformed_requests(service, fields, problem):
    answer = begin(service, script=main("return 1"), **fields)
    assert (answer.status, answer.outcome, answer.body["error"]) == (400, "invalid_request", problem)


@pytest.mark.parametrize("fields", [{"tools": []}, {"tools": None, "tools_style": None}, {"tools": ["f" * 64]}, {"tools": ["_f"], "tools_style": "async"}, {"tools": [f"f{n}" for n in range(200)]}, {"tools": [{"name": "f", "input_schema": {"properties": 1, "required": {}}}]}])
def test_requests_that_are_allowed(service, fields):
    assert begin(service, script=main("return 1"), **fields).body == {"result": 1, "stdout": ""}


def test_names_do_not_stay_for_the_next_job(service):
    assert drive(service, {"f": lambda: 1}, script=main("return f()")).result == 1
    for _ in range(4):
        assert begin(service, script=main("return 'f' in globals() or 'ToolError' in globals()")).body["result"] is False


def test_a_token_says_nothing_to_who_guesses(service):
    for token in ("", "x", "0" * 57, "☃"):
        answer = service.request("POST", "/execute/continue", json.dumps({"continue": token, "results": [{"id": 1, "result": 1}]}), {"Content-Type": "application/json"})
        assert (answer.status, answer.outcome, answer.body["error"]) == (404, "not_found", "no job waits for an answer by this token")
