"""What is told of a script that failed."""

import pytest

from conftest import DETAIL_BYTES, EXCEPTION, EXITED, INVALID_ARGUMENTS, INVALID_SCRIPT, MEMORY_LIMIT, NOT_SERIALIZABLE, VALUE

DETAIL = (True, [], 0, 0, 0, [])


def detail_of(run, source, inputs=None, **knobs):
    kind, text, detail, files = run(source, inputs, DETAIL, **knobs)
    assert files == [] and len({name for name, _ in detail}) == len(detail)
    assert all(type(name) is str and type(value) is bytes and len(value) <= DETAIL_BYTES for name, value in detail)
    order = ("type", "message", "line", "column", "traceback", "source", "source_start_line", "exit_code")
    assert [name for name, _ in detail] == [name for name in order if name in dict(detail)]
    return kind, text, {name: value.decode() for name, value in detail}


def test_detail_of_an_exception(run):
    source = "# 1\n# 2\ndef f():\n    é = 0; return 1 / é\n# 5\n# 6\n# 7\ndef main():\n    return f()\n"
    kind, text, detail = detail_of(run, source)
    assert kind == EXCEPTION
    assert detail == {
        "type": "ZeroDivisionError", "message": "division by zero", "line": "4", "column": "19", "traceback": text,
        "source": "# 2\ndef f():\n    é = 0; return 1 / é\n# 5\n# 6", "source_start_line": "2",
    }


def test_detail_is_empty_where_there_is_nothing_to_say_or_nobody_asks(run):
    assert detail_of(run, "def main(): return 1") == (VALUE, "1", {})
    assert detail_of(run, "x = 1")[2] == {} and detail_of(run, "main = 1")[2] == {}
    assert detail_of(run, "def main(): return 'x' * 100", result_bytes=10)[2] == {}
    assert run("def main(): return 1 / 0", options=(False, [], 0, 0, 0, []))[2] == []
    assert run("def main(): return 1 / 0")[2] == []


def test_detail_of_a_class_of_the_scripts_own(run):
    kind, _, detail = detail_of(run, "class A:\n    class E(Exception): pass\ndef main(): raise A.E('é')")
    assert (kind, detail["type"], detail["message"]) == (EXCEPTION, "script.A.E", "é")


def test_detail_of_an_exception_in_a_library_points_into_the_script(run):
    source = "import json\n\ndef main():\n    return json.loads('{')"
    _, text, detail = detail_of(run, source)
    assert detail["type"] == "json.decoder.JSONDecodeError" and (detail["line"], detail["column"]) == ("4", "12")
    assert detail["traceback"] == text and "<pyexec" not in text


def test_detail_of_an_exception_while_the_module_runs_and_in_an_async_main(run):
    assert detail_of(run, "\n\n  \nraise ValueError")[2]["line"] == "4"
    assert detail_of(run, "async def main():\n    raise ValueError")[2]["line"] == "2"


def test_detail_counts_lines_as_python_does(run):
    source = "a = '''\x0b\x0c\x1c\u2028'''\r\nb = 1\rdef main(): raise ValueError"
    assert (detail_of(run, source)[2]["line"], detail_of(run, source)[2]["source_start_line"]) == ("3", "1")
    assert detail_of(run, source)[2]["source"].endswith("def main(): raise ValueError")


@pytest.mark.parametrize(
    "source, class_name, line, column, around",
    [
        ("def main(:\n    pass\n", "SyntaxError", "1", "10", "def main(:\n    pass"),
        ("é = '''x'''; é é\n", "SyntaxError", "1", "16", "é = '''x'''; é é"),
        ("def main():\nreturn 1", "IndentationError", "2", "1", "def main():\nreturn 1"),
        ("x = 1\nreturn 2", "SyntaxError", "2", "1", "x = 1\nreturn 2"),
    ],
)
@pytest.mark.parametrize("denied", [[], ["nothing"]])
def test_detail_of_a_syntax_error(run, source, class_name, line, column, around, denied):
    kind, text, detail, _ = run(source, options=(True, [], 0, 0, 0, denied))
    detail = {name: value.decode() for name, value in detail}
    assert kind == INVALID_SCRIPT and text == f"Syntax error in script: {detail['message']}"
    assert (detail["type"], detail["line"], detail["column"]) == (class_name, line, column)
    assert (detail["source"], detail["source_start_line"]) == (around, "1") and "traceback" not in detail


def test_detail_of_a_script_that_is_no_text(run):
    kind, _, detail = detail_of(run, "x = 1\0")
    assert kind == INVALID_SCRIPT and detail["type"] in ("ValueError", "SyntaxError") and "null bytes" in detail["message"]


@pytest.mark.parametrize(
    "code, exit_code",
    [("0", "0"), ("3", "3"), ("-1", "255"), ("None", "0"), ("", "0"), ("True", "1"), ("'text'", "1"), ("1.5", "1"), ("256", "0")],
)
def test_detail_of_an_exit(run, code, exit_code):
    kind, _, detail = detail_of(run, f"import sys\ndef main():\n    sys.exit({code})")
    assert (kind, detail["type"], detail["line"], detail.get("exit_code")) == (EXITED, "SystemExit", "3", exit_code)


def test_detail_of_other_outcomes(run):
    kind, text, detail = detail_of(run, "def main(a): pass", ("[]", b"", [], []))
    assert (kind, detail) == (INVALID_ARGUMENTS, {"type": "TypeError", "message": text})
    kind, text, detail = detail_of(run, "def main(): return [main]")
    assert (kind, f"{detail['type']}: {detail['message']}") == (NOT_SERIALIZABLE, text) and len(detail) == 2
    kind, _, detail = detail_of(run, "def main(): raise MemoryError")
    assert (kind, detail["type"], detail["line"]) == (MEMORY_LIMIT, "MemoryError", "1")


@pytest.mark.parametrize(
    "body",
    [
        "def __str__(self): raise SystemExit",
        "def __str__(self): return 1",
        "def __str__(self): raise KeyboardInterrupt",
        "class S(str):\n        encode = None\n        def __str__(self): raise ValueError\n    def __str__(self): return self.S('x')",
        "__module__ = 5",
        "__traceback__ = 5",
        "__traceback__ = property(lambda self: 1 / 0)",
        "__class__ = int",
    ],
)
def test_an_exception_that_does_not_want_to_be_described(run, body):
    kind, _, detail = detail_of(run, f"class E(Exception):\n    {body}\ndef main(): raise E")
    assert kind == EXCEPTION and "message" in detail and detail["type"]


def test_values_are_bounded_and_stay_utf8(run):
    kind, _, detail = detail_of(run, "def main(): raise ValueError('é' * 50000 + 'end')")
    assert len(detail["message"].encode()) > DETAIL_BYTES - 10
    assert detail["message"].startswith("éé") and detail["message"].endswith("éend") and "\n[...]\n" in detail["message"]
    assert detail["traceback"].startswith("Traceback") and detail["traceback"].endswith("éend")
    assert len(detail_of(run, "x = 1\n" + "#" * 50000 + "\nraise ValueError")[2]["source"]) <= DETAIL_BYTES


def test_a_lone_surrogate_in_a_message_is_escaped(run):
    assert detail_of(run, r"def main(): raise ValueError('\ud800')")[2]["message"] == r"\ud800"


def test_error_text_is_bounded(run):
    kind, text, _, _ = run("def main(): raise ValueError('é' * 50000 + 'end')", error_bytes=1001)
    assert kind == EXCEPTION and len(text.encode()) <= 1001 and text.endswith("éend") and "\n[...]\n" in text
