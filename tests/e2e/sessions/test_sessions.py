"""Sessions: what one cell leaves to the next, and what a cell that fails costs."""

import json

import pytest

from sessions import Session


@pytest.fixture
def session(service):
    with Session(service) as one:
        yield one


def test_a_session_is_named_and_tells_when_it_expires(service):
    with Session(service, idle_s=60) as session:
        opened = session.opened
        assert opened.headers["Location"] == session.path
        assert opened.headers["Pyexec-Session"] == session.id
        assert opened.body.keys() == {"session", "expires_at"}
        shown = session.show().body
        assert shown["session"] == session.id and shown["cells"] == [] and shown["head"] == 0
        assert shown["created_at"] < shown["expires_at"] <= opened.body["expires_at"]


def test_a_body_is_not_needed(service):
    answer = service.request("POST", "/sessions")
    assert answer.status == 201
    service.request("DELETE", answer.headers["Location"])


def test_names_imports_files_and_the_directory_stay(session):
    assert session.cell("import math, os\nx = 41\nos.mkdir('in'); os.chdir('in')\nf = open('a', 'w+')").body == {
        "result": None, "repr": None, "cell": 1, "head": 1, "stdout": ""}
    assert session.result("x += 1; f.write('hello'); math.floor(x + 0.5)") == 42
    assert session.result("f.seek(0); [x, f.read(), os.getcwd()]") == [42, "hello", "/tmp/in"]


def test_a_function_of_one_cell_sees_what_a_later_one_defines(session):
    session.result("def twice():\n    return 2 * factor")
    assert session.result("factor = 21\ntwice()") == 42


def test_a_main_can_be_called_by_a_later_cell(session):
    defined = session.cell("def main():\n    return 'called'")
    assert defined.body == {"result": None, "repr": None, "cell": 1, "head": 1, "stdout": ""}
    assert session.result("main()") == "called"


def test_the_set_up_is_cell_0(service):
    with Session(service, code="import os\nx = 1\nprint('set up')", files={"a.txt": "A"}, env={"JOB_NAME": "n"}) as session:
        assert session.opened.body["stdout"] == "set up\n"
        assert session.result("[x, open('a.txt').read(), os.environ['JOB_NAME']]") == [1, "A", "n"]


@pytest.mark.parametrize(
    "setup, status, outcome, text",
    [
        ({"code": "1/0"}, 422, "exception", "ZeroDivisionError"),
        ({"code": "while True: pass", "timeout_ms": 300}, 422, "time_limit", "300 ms"),
        ({"code": "import os; os._exit(3)"}, 422, "exited", "status 3"),
        ({"code": "bytearray(10**11)"}, 422, "memory_limit", "memory"),
        ({"code": "a b"}, 400, "invalid_script", "Syntax error"),
        ({"script": "def main(): 1"}, 400, "invalid_request", "the set-up of a session is 'code'"),
        ({"idle_s": 10**6}, 400, "invalid_request", "'idle_s' is 1000000, more than the limit of 600"),
        ({"at": 1}, 400, "invalid_request", "for cells of a session"),
    ],
)
def test_a_set_up_that_fails_is_answered_as_a_job_and_leaves_no_session(service, setup, status, outcome, text):
    before = service.request("GET", "/sessions").body
    answer = service.request("POST", "/sessions", json.dumps(setup), {"Content-Type": "application/json"})
    assert (answer.status, answer.outcome) == (status, outcome)
    assert text in answer.body["error"] and "goes on" not in answer.body["error"]
    assert service.request("GET", "/sessions").body == before


def test_a_script_finds_the_names_and_leaves_its_own(session):
    session.result("base = 10")
    answer = session.execute(script="added = 5\ndef main(n):\n    return base + added + n\n", args=[1])
    assert answer.body == {"result": 16, "cell": 2, "head": 2, "stdout": ""}
    assert session.result("[added, __name__]") == [5, "__main__"]
    again = session.execute(script="if __name__ == '__main__':\n    raise SystemExit\nx = 1")
    assert (again.outcome, again.status) == ("invalid_script", 400)  # the main() of the script before is not its own


def test_all_fields_work_in_a_session(session):
    answer = session.execute(
        code="import sys, os\nprint(sys.stdin.read(), open('in.txt').read(), os.environ['JOB_X'])\nopen('o.txt', 'w').write('O')",
        stdin="typed", files={"in.txt": "F"}, env={"JOB_X": "e"}, return_files=["o.txt"], verbose=True)
    assert answer.body["stdout"] == "typed F e\n"
    assert answer.body["files"]["o.txt"]["base64"] == "Tw=="
    assert answer.body["limits"].keys() == {"timeout_ms", "memory_mb", "output_bytes"}
    assert session.result("sys.stdin.read()") == ""
    assert session.cell("float('nan')").body["result"] is None
    rewritten = session.execute(code="open('in.txt').read()", files={"in.txt": "G"})
    assert rewritten.body["result"] == "G"


def test_a_limit_of_a_cell_is_that_cells_own(session):
    small = session.cell("x = bytearray(200 << 20)", memory_mb=100)
    assert small.outcome == "memory_limit" and "100 MiB (memory_mb)" in small.body["error"]
    assert session.result("len(bytearray(200 << 20))") == 200 << 20
    cut = session.cell("print('x' * 100)", output_bytes=10)
    assert cut.body["stdout"] == "x" * 10 and cut.body["stdout_truncated"]


def test_a_limit_of_the_set_up_holds_for_all_cells(service):
    with Session(service, memory_mb=100) as session:
        assert session.cell("x = bytearray(200 << 20)").outcome == "memory_limit"
        assert session.result("len(bytearray(20 << 20))") == 20 << 20


@pytest.mark.parametrize(
    "code, outcome",
    [
        ("while True: pass", "time_limit"),
        ("import time; time.sleep(100)", "time_limit"),
        ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\nwhile True: pass", "time_limit"),
        ("lost = bytearray(10**11)", "memory_limit"),
        ("import os; os._exit(7)", "exited"),
        ("raise SystemExit(7)", "exited"),
        ("import ctypes; ctypes.string_at(0)", "killed"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("import os; os.close(3)\nwhile True: pass", "time_limit"),
        ("import os\nfor _ in range(3): os.fork()\nwhile True: pass", "time_limit"),
    ],
)
def test_a_cell_that_fails_costs_that_cell_alone(session, code, outcome):
    session.result("kept = 1")
    limit = {"timeout_ms": 1000} if outcome == "time_limit" else {}
    answer = session.cell("kept = 2; lost = 1\nprint('began')\n" + code, **limit)
    assert answer.outcome == outcome
    assert answer.body["stdout"] == "began\n"
    assert (answer.body["cell"], answer.body["head"]) == (2, 1)
    assert answer.body["error"].endswith("\nThe session goes on from the state after cell 1.")
    assert session.result("[kept, 'lost' in globals()]") == [1, False]


@pytest.mark.parametrize("code", ["y = 5; 1/0", "y = 5\n{1, 2}.x", "y = 5; assert False, 'no'"])
def test_a_cell_that_raises_leaves_what_it_had_done(session, code):
    answer = session.cell(code)
    assert (answer.outcome, answer.body["head"]) == ("exception", 1)
    assert 'File "<cell 1>", line' in answer.body["error"] and "goes on" not in answer.body["error"]
    assert session.result("y") == 5


def test_a_syntax_error_leaves_the_state_as_it_was(session):
    session.result("x = 1")
    answer = session.cell("x = 2; a b")
    assert (answer.status, answer.outcome) == (400, "invalid_script")
    assert (answer.body["cell"], answer.body["head"]) == (2, 1)
    assert session.result("x") == 1


def test_tracebacks_show_lines_of_every_cell(session):
    session.result("def fails():\n    return 1 / 0")
    error = session.cell("\nfails()").body["error"]
    assert 'File "<cell 2>", line 2, in <module>\n    fails()' in error
    assert 'File "<cell 1>", line 2, in fails\n    return 1 / 0' in error


def test_processes_and_threads_end_with_their_cell(session):
    answer = session.cell("import subprocess, threading, time\np = subprocess.Popen(['sleep', '1000'])\n"
                          "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
                          "import os\ndef alive(pid):\n    try: os.kill(pid, 0)\n    except OSError: return False\n    return True\n"
                          "[threading.active_count(), alive(p.pid)]")
    assert answer.body["result"] == [2, True]
    assert session.result("[threading.active_count(), alive(p.pid), alive(os.getpid())]") == [1, False, True]


def test_random_generators_go_on_and_branches_draw_the_same(session):
    session.result("import random, numpy\nrandom.seed(1); numpy.random.seed(1)\nrandom.random(); numpy.random.rand()")
    draw = "[random.random(), numpy.random.rand()]"
    first, second = session.result(draw), session.result(draw, at=1)
    assert first == second != session.result(draw)


def test_a_live_answer_has_the_cell_too(session):
    answer = session.send("POST", f"{session.path}/execute", {"code": "print('a\\n', end='')\n1 + 1"}, Accept="application/x-ndjson")
    events = [json.loads(line) for line in answer.raw.splitlines()]
    assert [event["event"] for event in events] == ["stdout", "result", "end"]
    assert (events[1]["result"], events[1]["cell"], events[1]["head"]) == (2, 1, 1)
    failed = session.send("POST", f"{session.path}/execute", {"code": "while 1: pass", "timeout_ms": 200}, Accept="text/event-stream")
    assert b'"cell": 2, "head": 1' in failed.raw


def test_show_lists_the_cells(session):
    session.result("1")
    session.cell("1/0")
    session.cell("while 1: pass", timeout_ms=100)
    shown = session.show().body
    cells = [(c["cell"], c["at"], c["outcome"], c["is_kept"]) for c in shown["cells"]]
    assert cells == [(1, 0, "ok", True), (2, 1, "exception", True), (3, 2, "time_limit", False)]
    assert (shown["cells_run"], shown["head"], shown["running"], shown["states"]) == (3, 2, 0, 3)
    level = session.service.health()["isolation"]["level"]
    assert (shown["memory_bytes"] or 0) > 0 if level == 4 else shown["memory_bytes"] is None
    summaries = {one["session"]: one for one in session.send("GET", "/sessions").body["sessions"]}
    assert summaries[session.id]["head"] == 2
