"""A script that calls its own main: it runs once, and what it returned is the result."""

import pytest

from conftest import EXCEPTION, EXITED, INVALID_SCRIPT, VALUE

COUNTED = """
import asyncio, sys
calls = []
def main(n=1):
    "documented"
    calls.append(n)
    if n == 3:
        return [n, len(calls)]
    for i in range(2):
        if n > 5: return [n, len(calls)]
    return [n, len(calls)]
"""
AWAITED = """
import asyncio, sys
calls = []
async def main():
    calls.append(1)
    await asyncio.sleep(0)
    return len(calls)
"""


@pytest.mark.parametrize(
    "end, result",
    [
        ("main()", "[1, 1]"),
        ("result = main()", "[1, 1]"),
        ("print(main())", "[1, 1]"),
        ("sys.exit(main())", "[1, 1]"),
        ("main(); sys.exit(0)", "[1, 1]"),
        ("main(3)", "[3, 1]"),
        ("x = [main(n) for n in (7, 3)]", "[3, 2]"),
        ("def run():\n    return main(8)\nrun()", "[8, 1]"),
        ("for _ in range(2): main()", "[1, 2]"),
        ("if calls == []:\n    main(2)", "[2, 1]"),
        ("try:\n    main()\nfinally:\n    done = True", "[1, 1]"),
        ("if __name__ == '__main__':\n    main(9)", "[1, 1]"),
        ("def other():\n    main(4)", "[1, 1]"),
        ("calls.append(0)  # main", "[1, 2]"),
    ],
)
def test_main_runs_once(run, end, result):
    assert run(COUNTED + end)[:2] == (VALUE, result)


@pytest.mark.parametrize("end", [
    "asyncio.run(main())", "x = asyncio.run(main())", "print(asyncio.run(main()))", "sys.exit(asyncio.run(main()))",
    "asyncio.new_event_loop().run_until_complete(main())", "pass  # main()"])
def test_an_async_main_runs_once(run, end):
    assert run(AWAITED + end)[:2] == (VALUE, "1")


def test_a_coroutine_that_a_plain_main_returns(run):
    source = "import asyncio\nasync def work():\n    return 5\ndef main():\n    return work()\nasyncio.run(main())"
    assert run(source)[:2] == (VALUE, "5")


def test_arguments_of_the_request_win(run):
    assert run(COUNTED + "main(7)", inputs=("[3]", b"", [], []))[:2] == (VALUE, "[3, 2]")
    for none in ("[]", "{}"):
        assert run(COUNTED + "main(7)", inputs=(none, b"", [], []))[:2] == (VALUE, "[7, 1]")


def test_recursion_is_no_call_of_the_scripts_own(run):
    assert run("def main(n=5):\n    return 1 if n == 0 else n * main(n - 1)")[:2] == (VALUE, "120")
    assert run("def main(n=5):\n    return 1 if n == 0 else n * main(n - 1)\nmain(4)")[:2] == (VALUE, "24")


def test_a_main_that_raised_is_not_run_again(run):
    source = "ran = []\ndef main():\n    ran.append(1)\n    return 1 / 0\n"
    kind, text, _, _ = run(source + "main()")
    assert kind == EXCEPTION and text.count("line 5, in <module>") == 1 and "    return 1 / 0" in text
    assert run(source + "try:\n    main()\nexcept ZeroDivisionError:\n    print(end='')")[:2] == (VALUE, "null")


@pytest.mark.parametrize("end, shown", [("main(); sys.exit(3)", "3"), ("sys.exit('no')\nmain()", "'no'"), ("sys.exit(0)\nmain()", "0")])
def test_an_exit_that_is_none_of_mains(run, end, shown):
    kind, text, _, _ = run(COUNTED + end)
    assert kind == EXITED and shown in text


def test_a_generator_is_let_be(run):
    assert run("def main():\n    yield 1\nlist(main())")[0] == 4


@pytest.mark.parametrize(
    "made",
    [
        "main = lambda n=1: calls.append(n) or [n, len(calls)]",
        "class Main:\n    def __call__(self, n=1):\n        calls.append(n)\n        return [n, len(calls)]\nmain = Main()",
        "if calls == []:\n    def main(n=1):\n        calls.append(n)\n        return [n, len(calls)]",
        "import functools\ndef job(n):\n    calls.append(n)\n    return [n, len(calls)]\nmain = functools.partial(job, 1)",
    ],
)
@pytest.mark.parametrize("end", ["main()", "print(main(), end='')", "x = [main() for _ in range(1)]", "if main(): pass", "import sys\nsys.exit(main())"])
def test_another_callable_runs_once_as_well(run, made, end):
    assert run(f"calls = []\n{made}\n{end}")[:2] == (VALUE, "[1, 1]")


def test_another_callable_that_raised_is_not_run_again(run):
    source = "calls = []\nmain = lambda: calls.append(1) or [][len(calls)]\ntry:\n    main()\nexcept IndexError:\n    pass"
    assert run(source)[:2] == (VALUE, "null")
    kind, text, _, _ = run("main = lambda: [][0]\nmain()")
    assert kind == EXCEPTION and text.count("in <module>\n    main()\n") == 1


def test_what_is_no_call_of_main_is_let_be(run):
    assert run("x = 'main() of main'\ny = len(x)")[0] == INVALID_SCRIPT


def test_the_function_is_as_it_was_written(run):
    source = COUNTED + "import inspect\nx = [main.__doc__, inspect.getsource(main)[:16], str(inspect.signature(main))]\ndef main(a=1): return x\nmain()"
    assert run(source)[:2] == (VALUE, '["documented", "def main(n=1):\\n ", "(n=1)"]')
    kind, text, _, _ = run("def main():\n    x = 1\n    return int('a')\nmain()")
    assert '  File "/tmp/script.py", line 4, in <module>\n    main()\n' in text and "line 3, in main\n    return int('a')\n" in text
    assert "pyexec" not in text
