"""Every cell is a checkpoint: undo, branches and retries by `at`."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sessions import Session


@pytest.fixture
def session(service):
    with Session(service, code="path = ['set-up']") as one:
        yield one


def walk(session, step, **request):
    return session.result(f"path.append({step!r}); path", **request)


def test_at_runs_on_the_state_after_that_cell(session):
    assert walk(session, "a") == ["set-up", "a"]
    assert walk(session, "b") == ["set-up", "a", "b"]
    assert walk(session, "c", at=1) == ["set-up", "a", "c"]
    assert walk(session, "d") == ["set-up", "a", "c", "d"]  # the new cell is the head
    assert walk(session, "e", at=2) == ["set-up", "a", "b", "e"]
    assert walk(session, "f", at=0) == ["set-up", "f"]


def test_undo_of_a_cell_that_went_wrong(session):
    session.result("import pandas as pd\nframe = pd.DataFrame({'a': [1, 2, 3]})")
    session.result("del frame")
    assert session.cell("frame").outcome == "exception"
    assert session.result("len(frame)", at=1) == 3


def test_a_cell_that_has_not_run_is_an_error(session):
    answer = session.cell("1", at=1)
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert answer.body == {"error": "'at' names cell 1, and the last one is 0"}
    assert session.cell("1").body["cell"] == 1


@pytest.mark.parametrize("value", [-1, 1.5, "1", True, 10**30])
def test_at_is_the_number_of_a_cell(session, value):
    answer = session.cell("1", at=value)
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert "'at' field must be" in answer.body["error"]


def test_a_state_that_is_not_kept_is_gone_and_the_answer_says_which_are(session):
    session.cell("while True: pass", timeout_ms=100)
    session.result("1")
    answer = session.cell("1", at=1)
    assert (answer.status, answer.outcome) == (410, "gone")
    assert answer.body == {"error": "the state after cell 1 is not kept; those after these cells are: 0, 2"}


def test_the_least_lately_used_states_go_first_and_never_the_head(start):
    service = start(pool=1, session_states=4)
    with Session(service, code="path = ['set-up']") as session:
        for step in "abc":
            walk(session, step)
        assert walk(session, "d", at=1) == ["set-up", "a", "d"]  # which is a use
        shown = session.show().body
        assert [cell["cell"] for cell in shown["cells"] if cell["is_kept"]] == [1, 3, 4]
        assert shown["states"] == 4
        assert session.cell("1", at=2).status == 410
        for step in "efghij":
            walk(session, step, at=0)
        shown = session.show().body
        assert [cell["cell"] for cell in shown["cells"] if cell["is_kept"]] == [8, 9, 10]
        assert "pyexec_session_states_dropped_total 7\n" in service.request("GET", "/metrics").raw.decode()


def test_several_cells_run_at_once_from_one_state(session):
    session.result("import os, time")

    def branch(n):
        return session.cell(f"path.append({n}); time.sleep(0.5); [path, os.getppid()]", at=1).body

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(branch, range(4)))
    assert [answer["result"] for answer in answers] == [[["set-up", n], 1] for n in range(4)]
    assert sorted(answer["cell"] for answer in answers) == [2, 3, 4, 5]
    # Each can be gone on from.
    for n, answer in enumerate(answers):
        assert session.result("path[-1]", at=answer["cell"]) == n


def test_one_of_several_is_ended_alone(session):
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(session.cell, "import subprocess\nsubprocess.run(['sleep', '1'])\n'slept'", at=0)
        endless = pool.submit(session.cell, "import os\nos.fork()\nwhile True: pass", at=0, timeout_ms=300)
        assert endless.result().outcome == "time_limit"
        assert slow.result().body["result"] == "slept"


def test_files_are_the_sessions_and_are_not_rolled_back(session):
    session.result("open('f', 'w').write('first')")
    session.result("open('f', 'w').write('second')")
    assert session.result("open('f').read()", at=1) == "second"


def test_what_a_branch_changes_stays_in_it(session):
    session.result("import numpy\nbig = numpy.zeros(1 << 20)")
    assert session.result("big[:] = 7\nfloat(big.sum())") == 7 * (1 << 20)
    assert session.result("float(big.sum())", at=1) == 0


def test_states_are_dropped_for_memory(start):
    service = start(pool=1, session_memory_mb=400, session_states=50, timeout_ms=10000)
    if service.health()["isolation"]["level"] < 4:
        pytest.skip("nobody counts the memory of a session here")
    with Session(service, code="import numpy\nheld = numpy.ones(40 << 17)") as session:  # 40 MiB
        for n in range(8):
            # Written anew by each cell, so that no state shares it.
            assert session.result(f"held[:] = {n}\nfloat(held[0])") == n
        service.wait_until(lambda: session.show().body["states"] <= 6)
        shown = session.show().body
        assert shown["cells"][-1]["is_kept"] and shown["head"] == 8
        assert session.result("float(held[5])") == 7


def test_a_state_is_not_dropped_while_a_cell_begins_on_it(start):
    with Session(start(pool=1, session_states=2, timeout_ms=20000)) as session, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: session.cell("1"), range(120)))
    # A head that another cell has replaced may have gone by the time; nothing else can.
    assert {answer.status for answer in answers} <= {200, 410}
    assert sum(answer.status == 200 for answer in answers) >= 60
