"""A script is a script: `__main__`, a file of its own, and modules that come with it."""


import pytest

from levels import start_kind
from request_parts import result_of


def test_main_is_the_scripts_module_and_a_guard_does_not_run(service):
    script = """
import sys, __main__
if __name__ == "__main__": raise SystemExit
def main():
    return [__main__ is sys.modules[__name__], __name__, __main__.main is main, sys.argv, __file__, sys.path[0]]
"""
    assert result_of(service, script) == [True, "script", True, ["/tmp/script.py"], "/tmp/script.py", "/tmp"]


@pytest.mark.parametrize(
    "body, result",
    [
        ("import timeit\n    return timeit.timeit('work()', setup='from __main__ import work', number=3) > 0", True),
        ("import cProfile, contextlib, io\n    with contextlib.redirect_stdout(io.StringIO()) as out: cProfile.run('work()')\n    return 'work' in out.getvalue()", True),
        ("import pickle\n    return pickle.loads(b'c__main__\\nwork\\n.')()", 9),
        ("import pickle\n    return pickle.loads(pickle.dumps(work))()", 9),
        ("import doctest\n    return list(doctest.testmod())", [0, 1]),
        ("import inspect\n    return inspect.getsource(work).splitlines()[-1].strip()", "return 9"),
        ("import inspect, os\n    return os.path.exists(inspect.getsourcefile(work))", True),
        ("return open(__file__).read().count('9\\n')", 2),
        ("import sys, pathlib\n    return pathlib.Path(sys.argv[0]).resolve().read_text().count('9\\n')", 2),
        ("import subprocess, sys\n    return subprocess.check_output([sys.executable, '-c', f'exec(open({__file__!r}).read()); print(work())']).decode()", "9\n"),
        ("import runpy\n    return runpy.run_path('/tmp/script.py')['work']()", 9),
    ],
)
def test_what_a_script_can_do_with_itself(service, body, result):
    script = f'def work():\n    """\n    >>> work()\n    9\n    """\n    return 9\ndef main():\n    {body}\n'
    assert result_of(service, script) == result


def test_the_file_is_not_there_for_those_that_do_not_ask(service):
    assert result_of(service, "import os\ndef main(): return os.listdir('.')") == []
    assert result_of(service, "import os\ndef main(): return os.listdir('.'), __file__ and 1") == [["script.py"], 1]


@pytest.mark.parametrize(
    "patterns, end, names",
    [
        (["**"], "open('a.txt', 'w').close()", ["a.txt"]),
        (["*.py"], "pass", []),
        (["script.py"], "pass", ["script.py"]),
        (["script.py", "**"], "pass", ["script.py"]),
        (["**"], "open(__file__, 'w').write('another')", ["script.py"]),
    ],
)
def test_the_file_is_returned_only_by_its_name(service, patterns, end, names):
    script = f"def main():\n    x = __file__\n    {end}"
    answer = service.post({"script": script, "return_files": patterns})
    assert answer.outcome == "ok" and sorted(answer.body["files"]) == names, answer


def test_a_script_that_was_sent_as_a_file_is_another(service):
    script = """
import script, sys, __main__
class Own: pass
def main():
    import pickle
    return [script.X, __name__, __main__.Own is Own, type(pickle.loads(pickle.dumps(Own()))) is Own, open(__file__).read().count("class Own")]
"""
    assert result_of(service, script, files={"script.py": "X = 5\n"}) == [5, "__script__", True, True, 2]
    answer = service.post({"script": "import script\ndef main(): return script.f()", "files": {"script.py": "def f():\n    return 1 / 0\n"}})
    assert 'File "/tmp/__script__.py", line 2, in main\n    def main(): return script.f()' in answer.body["error"]
    assert 'File "/tmp/script.py", line 2, in f\n    return 1 / 0' in answer.body["error"]


SPAWN = """
import multiprocessing as mp, concurrent.futures
print("loaded")
class Point:
    def __init__(self, x): self.x = x
def cube(point):
    return Point(point.x ** 3)
def main():
    context = mp.get_context("spawn")
    with context.Pool(2) as pool:
        found = [p.x for p in pool.map(cube, [Point(2), Point(3)])]
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        found.append(pool.submit(cube, Point(4)).result().x)
    child = context.Process(target=print, args=("child",))
    child.start(); child.join()
    return found + [child.exitcode]
"""


def test_spawn_finds_the_script(start):
    service = start(timeout_ms=30000, pool=1)
    answer = service.execute(SPAWN)
    assert answer.outcome == "ok" and answer.body["result"] == [8, 27, 64, 0], answer
    assert answer.body["stdout"].startswith("loaded\n") and "child\n" in answer.body["stdout"]


def test_a_manager_says_why_it_cannot_be(service):
    answer = service.execute("import multiprocessing as mp\ndef main():\n    with mp.Manager() as m: return m.dict()")
    assert answer.outcome == "exception" and "scripts have no sockets" in answer.body["error"], answer
    assert "pyexec" not in answer.body["error"]
    script = "import multiprocessing as mp\ndef main():\n    q = mp.Queue()\n    mp.Process(target=q.put, args=(1,)).start()\n    return q.get(timeout=5)"
    assert result_of(service, script) == 1


@pytest.mark.parametrize(
    "name, source, body, result",
    [
        ("statistics.py", "def mean(v): return 'own'", "import statistics; return statistics.mean([1])", "own"),
        ("statistics/__init__.py", "mean = 'package'", "import statistics; return statistics.mean", "package"),
        ("json.py", "def loads(t): return 'own'\ndef dumps(v): return 'own'", "import json; return [json.loads('1'), {1: 2}]", ["own", {"1": 2}]),
        ("random.py", "def random(): return 7", "import random; return random.random()", 7),
        ("traceback.py", "X = 1", "import traceback; return traceback.X", 1),
        ("asyncio.py", "X = 2", "import asyncio; return asyncio.X", 2),
        ("numpy.py", "X = 3", "import numpy, pandas; return [numpy.X, int(pandas.Series([1]).sum())]", [3, 1]),
        ("statistics/x.py", "X = 1", "import statistics; return statistics.mean([1, 3])", 2),
        ("os.py", "X = 1", "import os; return hasattr(os, 'getpid')", True),  # as in a Python that has just started
        ("sys.py", "X = 1", "import sys; return len(sys.argv)", 1),
        ("re.py", "def match(*_): return 'own'", "import re; return re.match('a', 'b')", "own"),
    ],
)
def test_a_module_that_was_sent_wins_over_one_that_is_there(service, name, source, body, result):
    assert result_of(service, f"def main():\n    {body}\n", files={name: source}) == result


@pytest.mark.parametrize("name", ["traceback.py", "linecache.py", "json.py", "inspect.py", "re.py", "tokenize.py", "os.py", "contextlib.py"])
def test_a_module_that_was_sent_does_not_break_an_error(service, name):
    request = {"script": "def main(n):\n    return 1 / n", "files": {name: "raise RuntimeError"}, "args": [0], "verbose": True}
    answer = service.post(request)
    assert answer.outcome == "exception" and answer.body["error"].endswith("ZeroDivisionError: division by zero"), answer
    assert "    return 1 / n" in answer.body["error"] and answer.body["error_detail"]["line"] == 2


def test_lines_are_counted_as_python_does(service):
    script = "LIMIT = 3\n\f\ndef helper(n):\n    '\u2028\x85\x0b'\n    return n / 0\n\ndef main():\n    helper(LIMIT)"
    error = service.execute(script).body["error"]
    assert "    return n / 0\n           ~~^~~\n" in error and "    helper(LIMIT)\n" in error
    script = script.replace("\n", "\r\n")
    assert "    return n / 0\n           ~~^~~\n" in service.execute(script).body["error"]
    assert service.execute("def main(): return 1 / 0").body["error"].splitlines()[2:4] == [
        "    def main(): return 1 / 0", "                       ~~^~~"]


@pytest.mark.parametrize("kind", ["root-2", "root-1"])
def test_without_a_root_of_its_own_a_script_finds_its_file(programs, shm, kind):
    script = """
import os, sys, helper
def main():
    here = os.path.dirname(os.path.abspath(sys.argv[0]))
    return [open(__file__).read().count("sys, helper"), open(os.path.join(here, "rate.txt")).read(), helper.X, sys.path[0] == here, os.path.expanduser("~") == here]
"""
    with start_kind(kind, programs, shm) as service:
        if service.level not in (1, 2):
            pytest.skip("this host gives no such level")
        assert result_of(service, script, files={"rate.txt": "4.2", "helper.py": "X = 5"}) == [2, "4.2", 5, True, True]
