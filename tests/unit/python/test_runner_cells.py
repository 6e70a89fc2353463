"""Cells: `code` instead of a script."""

import json

import pytest

from conftest import EXCEPTION, EXITED, INVALID_SCRIPT, VALUE


def options(nan="error", denied=(), detail=False):
    return (detail, [], 0, 0, 0, list(denied), nan, True)


def shown(run, code, **others):
    kind, text, detail, _ = run(code, None, options(**others))
    assert kind == VALUE, text
    return json.loads(text), {name: value.decode() for name, value in detail}


@pytest.mark.parametrize(
    "code, result, text",
    [
        ("1 + 1", 2, "2"),
        ("x = 3\nx * 2", 6, "6"),
        ("def main():\n    return 7\nmain()", 7, "7"),
        ("'a'", "a", "'a'"),
        ("x = 1", None, None),
        ("None", None, None),
        ("", None, None),
        ("# nothing", None, None),
        ("for i in range(3):\n    i", None, None),
        ("__name__", "__main__", "'__main__'"),
        ("if __name__ == '__main__':\n    x = 1\nx", 1, "1"),
        ("from __future__ import annotations\ndef f(a: nowhere): pass\nf.__annotations__", {"a": "nowhere"}, "{'a': 'nowhere'}"),
        ("import asyncio\nawait asyncio.sleep(0, 5)", 5, "5"),
        ("import asyncio\nx = await asyncio.sleep(0, 5)\nx + 1", 6, "6"),
        ("import asyncio\nasync with asyncio.timeout(9):\n    x = 2\nx", 2, "2"),
        ("async def main():\n    return 8\nmain()", 8, "8"),
        ("import asyncio\nasync def main():\n    return 8\nasyncio.run(main())", 8, "8"),
        ("import sys\nsys.modules['__main__'].__dict__ is globals()", True, "True"),
        ("import asyncio\nasync def f(): return 3\ntask = asyncio.create_task(f())\nawait task", 3, "3"),
        ("import asyncio\nasync def f(): return 3\ng = asyncio.gather(f(), f())\nawait g", [3, 3], "[3, 3]"),
        ("x = 5\nx;", None, None),
        ("len(" + "+".join(["'a'"] * 2000) + ")", 2000, "2000"),
        ("x = 'a'\nx" + ".strip()" * 600, "a", "'a'"),
    ],
)
def test_the_last_expression_is_the_result(run, code, result, text):
    assert shown(run, code) == (result, {} if text is None else {"repr": text})


def test_a_frame_has_its_table_as_text_and_its_rows_as_json(run):
    result, beside = shown(run, "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})")
    assert result == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert beside == {"repr": "   a  b\n0  1  x\n1  2  y"}


@pytest.mark.parametrize(
    "code, text, problem",
    [
        ("object", "<class 'object'>", "TypeError: "),
        ("float('nan')", "nan", "ValueError: Out of range float values are not JSON compliant"),
        ("x = []\nx.append(x)\nx", "[[...]]", "ValueError: Circular reference detected"),
        ("'x' * 1100000", None, "result is 1100002 bytes of JSON, more than the limit of 1048576"),
        ("class A(dict):\n    def items(self): raise KeyError('mine')\nimport collections\n"
         "class B(collections.UserDict):\n    def __iter__(self): raise KeyError('mine')\n    def __repr__(self): return 'B'\nB(a=1)",
         "B", "KeyError: 'mine'"),
        ("import collections\nclass B(collections.UserDict):\n    def __iter__(self): raise RuntimeError('one\\ntwo')\nB(a=1)",
         None, "RuntimeError: one\ntwo"),
    ],
)
def test_a_value_without_a_json_form_is_shown_all_the_same(run, code, text, problem):
    result, beside = shown(run, code)
    assert result is None
    assert text is None or beside["repr"] == text
    assert beside["result_problem"].startswith(problem)


def test_nan_can_be_null(run):
    assert shown(run, "[float('nan'), 1]", nan="null") == ([None, 1], {"repr": "[nan, 1]"})


def test_a_text_that_is_too_long_loses_its_middle(run):
    _, beside = shown(run, "'a' * 200_000 + 'z'")
    assert len(beside["repr"]) <= 64 << 10
    assert beside["repr"].startswith("'aaa") and beside["repr"].endswith("aaz'") and "\n[...]\n" in beside["repr"]


@pytest.mark.parametrize("what", ["1 / 0", "sys.exit(3)", "return 5"])
def test_a_repr_that_fails_costs_only_the_text(run, what):
    _, beside = shown(run, f"import sys\nclass A:\n    def __repr__(self): {what}\nA()")
    assert beside["repr"].startswith("<A: its repr() raised ")


def test_a_class_that_lies_of_its_name_costs_only_the_text(run):
    code = "class M(type):\n    @property\n    def __name__(cls): raise ValueError\nclass A(metaclass=M):\n    def __repr__(self): 1/0\nA()"
    assert shown(run, code)[1]["repr"] == "<A: its repr() raised ZeroDivisionError>"
    code = "A = type('A' * 1_000_000, (), {'__repr__': lambda self: 1 / 0})\nA()"
    assert len(shown(run, code)[1]["repr"]) <= 64 << 10


@pytest.mark.parametrize("code", ["def main():\n    return 1", "import math\ndef main():\n    return math.pi\nx = 1"])
def test_a_main_that_nothing_calls_is_told(run, code):
    result, beside = shown(run, code)
    assert result is None and beside["result_problem"].startswith("main() is defined, and nothing calls it")


def test_a_main_that_is_called_is_not_told(run):
    assert shown(run, "def main():\n    return 1\nx = main()") == (None, {})
    assert shown(run, "def main():\n    return 1\nx = 2\nx") == (2, {"repr": "2"})


@pytest.mark.parametrize("line", ["%matplotlib inline", "!ls", "print?"])
def test_commands_of_ipython_are_named(run, line):
    kind, text, _, _ = run(f"x = 1\n{line}", None, options())
    assert kind == INVALID_SCRIPT and "the commands of IPython" in text
    for other in ("x = = 2", "x = 'what?"):
        assert "the commands of IPython" not in run(f"x = 1\n{other}", None, options())[1]


def test_a_child_that_comes_back_from_repr_does_not_answer_for_the_job(run):
    code = "import os, time\nclass A:\n    def __repr__(self):\n        if os.fork() == 0: return 'child'\n        os.wait()\n        return 'parent'\nA()"
    assert shown(run, code)[1]["repr"] == "parent"


def test_an_exit_while_the_value_is_converted_has_its_code(run):
    code = "import collections, sys\nclass B(collections.UserDict):\n    def __iter__(self): sys.exit(3)\n    def __repr__(self): return 'B'\nB(a=1)"
    kind, text, detail, _ = run(code, None, options(detail=True))
    assert (kind, text, dict(detail)["exit_code"]) == (EXITED, "code exited with 3 before its end", b"3")


def test_an_error_shows_the_cells_lines_alone(run):
    kind, text, detail, _ = run("def f():\n    return 1 / 0\n\nf()", None, options(detail=True))
    assert kind == EXCEPTION
    lines = text.splitlines()
    assert lines[:3] == ["Traceback (most recent call last):", '  File "<cell 1>", line 4, in <module>', "    f()"]
    assert '  File "<cell 1>", line 2, in f' in lines and "<pyexec" not in text
    assert dict(detail)["line"] == b"2"


def test_an_error_that_is_awaited_shows_no_frame_of_the_loop(run):
    kind, text, _, _ = run("import asyncio\nawait asyncio.sleep(0)\n1 / 0", None, options())
    assert kind == EXCEPTION and "asyncio/" not in text and text.count("File") == 1


@pytest.mark.parametrize(
    "code, kind, text",
    [
        ("x = (", INVALID_SCRIPT, "Syntax error in code: '(' was never closed (<cell 1>, line 1)"),
        ("return 1", INVALID_SCRIPT, "Syntax error in code: 'return' outside function (<cell 1>, line 1)"),
        ("x = '\0'", INVALID_SCRIPT, "Syntax error in code: source code "),
        ("exit = 1\nraise SystemExit(2)", EXITED, "code exited with 2 before its end"),
    ],
)
def test_how_else_a_cell_ends(run, code, kind, text):
    got_kind, got, _, _ = run(code, None, options())
    assert (got_kind, got[: len(text)]) == (kind, text)


def test_denied_imports_are_denied_in_cells(run):
    kind, text, _, _ = run("x = 1\nimport socket", None, options(denied=["socket"]))
    assert (kind, text) == (INVALID_SCRIPT, "importing 'socket' is not allowed by this service (line 2)")
    assert shown(run, "import socket\n1", denied=["ssl"])[0] == 1


def test_what_a_cell_can_do_with_itself(run):
    code = "import inspect, pickle, dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\ndef f():\n    return 1\n"
    assert shown(run, code + "inspect.getsource(f)")[0] == "def f():\n    return 1\n"
    assert shown(run, code + "pickle.loads(pickle.dumps(P(3)))")[0] == {"x": 3}


@pytest.mark.parametrize("snippet", ["print(123)", "1 + 1", "x = lambda: 1", "class A: pass", ""])
def test_a_snippet_sent_as_a_script_is_told_of_code(run, snippet):
    assert run(snippet)[:2] == (
        INVALID_SCRIPT,
        'Script must contain a main() function, or be sent as "code": then the value of its last expression is the result',
    )


@pytest.mark.parametrize("script", ["def other(): pass", "class A:\n    def main(self): pass", "async def other(): pass"])
def test_a_script_with_functions_but_no_main_is_told_just_that(run, script):
    assert run(script)[:2] == (INVALID_SCRIPT, "Script must contain a main() function")


def test_the_look_for_functions_neither_warns_nor_fails(run):
    kind, text, _, _ = run("import warnings\nwarnings.simplefilter('error')\nx = '\\d'")
    assert (kind, text.startswith("Script must contain a main() function")) == (INVALID_SCRIPT, True)
