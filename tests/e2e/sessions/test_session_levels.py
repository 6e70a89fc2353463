"""Sessions at every level of isolation: where a job cannot fork, a session keeps its newest state only, and says so."""

import concurrent.futures

from levels import has_processes
from sessions import Session

ONE_PROCESS = "\nThe session has ended with it: at this isolation level, a session is one process."


def test_health_tells_whether_states_are_kept(at):
    assert at.health()["isolation"]["features"]["checkpoints"] is has_processes(at)


def test_names_and_files_stay(at):
    with Session(at, code="x = 1", files={"in.txt": "F"}) as session:
        assert session.result("import os\nx += 1; open('in.txt').read()") == "F"
        assert session.result("x += 1; x") == 3
        assert session.put("b", b"\0\xff").status == 204
        assert session.result("list(open('b', 'rb').read())") == [0, 255]
        session.result("open('out', 'w').write('O')")
        assert session.get("out").raw == b"O"
        assert session.execute(script="def main(): return x").body["result"] == 3


def test_a_cell_that_raises_leaves_what_it_had_done(at):
    with Session(at) as session:
        answer = session.cell("y = 5\nprint('p'); 1 / 0")
        assert (answer.outcome, answer.body["stdout"], answer.body["head"]) == ("exception", "p\n", 1)
        assert session.result("y") == 5


def test_a_live_answer(at):
    with Session(at) as session:
        answer = session.send("POST", f"{session.path}/execute", {"code": "print('a')\n1"}, Accept="application/x-ndjson")
        assert [b'"stdout"' in answer.raw, b'"result": 1' in answer.raw] == [True, True]
        assert session.cell("print('b')").body["stdout"] == "b\n"


def test_earlier_states(at):
    with Session(at, code="x = 0") as session:
        session.result("x = 1")
        session.result("x = 2")
        earlier = session.cell("x", at=1)
        if has_processes(at):
            assert earlier.body["result"] == 1
        else:
            assert earlier.status == 410
            assert earlier.body["error"].endswith("those after these cells are: 2")
            assert session.result("x", at=2) == 2


def test_a_cell_over_its_limit(at):
    session = Session(at)
    session.result("x = 1")
    answer = session.cell("while True: pass", timeout_ms=300)
    assert answer.outcome == "time_limit"
    if has_processes(at):
        assert answer.body["error"].endswith("The session goes on from the state after cell 1.")
        assert session.result("x") == 1
        session.delete()
        return
    assert answer.body["error"].endswith(ONE_PROCESS)
    gone = session.cell("x")
    assert (gone.status, gone.outcome) == (410, "gone")
    assert "a session of this service is one process" in gone.body["error"]


def test_a_cell_that_crashes(at):
    session = Session(at)
    answer = session.cell("import os; os._exit(3)")
    assert answer.outcome == "exited"
    assert session.cell("1").status == (200 if has_processes(at) else 410)


def test_cells_run_one_at_a_time_where_there_is_one_process(at):
    with Session(at) as session, concurrent.futures.ThreadPoolExecutor(2) as pool:
        session.result("import time")
        answers = [pool.submit(session.cell, "time.sleep(0.5)") for _ in range(2)]
        statuses = sorted(answer.result().status for answer in answers)
        assert statuses == [200, 200]  # where there is one process, the second waits


def test_nothing_is_left(at):
    for _ in range(3):
        with Session(at, code="open('left', 'w').write('x')") as session:
            session.result("1")
    if not has_processes(at):
        at.wait_until(lambda: not [one for one in at.shm.list() if one.isdigit()])
    assert at.execute("def main(): return 1").body["result"] == 1
