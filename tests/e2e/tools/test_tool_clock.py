"""What holds the clock of a job with tools, and its place among the jobs that run."""

import concurrent.futures
import time

import pytest

from raw_http import start_to_sleep
from request_parts import SLEEP
from sessions import Session
from state import pool_of
from templates import metric
from tool_jobs import CALL, end, main, park, wait_for_jobs
from tools import LiveRun, begin, drive, parked, send_answers

pytestmark = pytest.mark.usefixtures("no_job_is_left")


# How long a job waits


def test_a_job_that_nobody_answers_is_ended(impatient):
    before = metric(impatient, "pyexec_tool_jobs_unanswered_total")
    token = park(impatient)
    impatient.wait_until(lambda: metric(impatient, "pyexec_tool_jobs_unanswered_total") == before + 1)
    answer = end(impatient, token)
    assert (answer.status, answer.outcome) == (410, "gone")
    assert answer.body["error"] == "calls of tools were not answered within 3 s (PYEXEC_CALL_WAIT_S), and the job was ended"
    while (answer := end(impatient, park(impatient), 2)).outcome == "gone":  # it came too late itself
        pass
    assert answer.body["result"] == 2


def test_a_live_job_that_nobody_answers_is_told_so(impatient):
    with LiveRun(impatient, script=main("print('begun', flush=True)\nf()"), tools=["f"]) as live:
        events = list(live.events)
    assert events[-2][1]["error"] == "calls of tools were not answered within 3 s (PYEXEC_CALL_WAIT_S)"
    assert (events[-1][1]["outcome"], events[-1][1]["status"]) == ("time_limit", 422)
    assert end(impatient, dict(events)["call"]["continue"]).status == 410


def test_one_call_of_several_that_nobody_answers_ends_the_live_job(impatient):
    script = "import concurrent.futures\n" + main("with concurrent.futures.ThreadPoolExecutor(2) as pool:\n    return list(pool.map(f, range(2)))")
    with LiveRun(impatient, script=script, tools=["f"]) as live:
        first, second = live.next("call"), live.next("call")
        assert live.answer(first, result=1).status == 202
        assert [members["outcome"] for name, members in live.events if name == "end"] == ["time_limit"]
    assert end(impatient, second["continue"]).status == 410


def test_a_cell_that_nobody_answers_costs_itself_alone(impatient):
    with Session(impatient, code="x = 1") as session:
        token = parked(impatient, f"{session.path}/execute", code="x = f()", tools=["f"])["continue"]
        wait_for_jobs(impatient, 0)
        assert end(impatient, token).status == 410
        if impatient.health()["isolation"]["features"]["checkpoints"]:
            assert session.result("x") == 1


# The clock, and the place


def test_the_clock_stands_while_a_call_waits(service):
    """The caller takes longer than the job may run."""
    tokens = [park(service, script, timeout_ms=2000) for script in (CALL, main("f()\nwhile True: pass"))]
    time.sleep(2.1)
    assert service.execute("def main(): return 1").outcome == "ok"
    assert end(service, tokens[0], 1).body["result"] == 1
    answer = end(service, tokens[1])
    assert (answer.outcome, answer.body["error"]) == ("time_limit", "execution time limit exceeded: 2000 ms (timeout_ms)")


def test_the_clock_stands_in_a_live_job_and_in_a_cell(service):
    with LiveRun(service, script=CALL, tools=["f"], timeout_ms=2000) as live, Session(service) as session:
        call, path = live.next("call"), f"{session.path}/execute"
        token = parked(service, path, code="f()", tools=["f"], timeout_ms=2000)["continue"]
        time.sleep(2.1)
        assert live.answer(call, result=1).status == 202
        assert live.next("end")["outcome"] == "ok"
        assert end(service, token, 1).body["result"] == 1
        token = parked(service, path, code="f()\nwhile True: pass", tools=["f"], timeout_ms=2000)["continue"]
        assert end(service, token, 1).outcome == "time_limit"


def test_what_a_script_runs_between_its_calls_adds_up(service):
    script = "import time\ndef main(each):\n    for _ in range(4):\n        time.sleep(each)\n        f()"
    assert drive(service, {"f": lambda: 1}, script=script, args=[0.01], timeout_ms=3000).answer.outcome == "ok"
    run = drive(service, {"f": lambda: 1}, script=script, args=[1], timeout_ms=3000)
    assert (run.answer.outcome, 1 <= len(run.calls) < 4) == ("time_limit", True)


def test_a_parked_job_does_not_keep_others_from_running(bounded):
    """Of which there may be one."""
    token = park(bounded)
    assert pool_of(bounded)["running"] == 0
    assert bounded.execute("def main(): return 2").body["result"] == 2
    other = park(bounded)
    assert [end(bounded, one, n).body["result"] for n, one in enumerate((token, other))] == [0, 1]
    with LiveRun(bounded, script=CALL, tools=["f"]) as live:
        call = live.next("call")
        assert bounded.execute("def main(): return 3").body["result"] == 3
        assert live.answer(call, result=4).status == 202
        assert live.next("result") == {"result": 4}


def test_a_job_goes_on_when_it_has_a_place_again(bounded):
    token = park(bounded)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = pool.submit(bounded.execute, SLEEP.format(2))
        bounded.wait_until(lambda: pool_of(bounded)["running"] == 1 or running.done())
        assert end(bounded, token, 1).body["result"] == 1
        assert running.result().outcome == "ok"


def test_a_call_that_comes_while_a_job_waits_to_go_on_takes_no_place(start):
    service = start(pool=2, running=1, timeout_ms=20000)
    script = """import asyncio
async def main():
    first = asyncio.ensure_future(f('first'))
    await asyncio.sleep(1)
    await f('second')
    await first
    return 'done'
"""
    token = park(service, script, tools_style="async")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        other = pool.submit(begin, service, script="import time\ndef main(): time.sleep(3)")
        service.wait_until(lambda: service.health()["pool"]["running"] == 1 or other.done())
        answer = pool.submit(end, service, token).result()
        assert other.result().outcome == "ok"
    assert [call["args"] for call in answer.body["calls"]] == [["second"]]
    assert drive(service, {"f": lambda: 5}, script=CALL).result == 5  # there is a place
    results = [{"id": call["id"], "result": None} for call in answer.body["calls"]]
    assert send_answers(service, answer.body["continue"], results).body["result"] == "done"


def test_no_place_in_time_leaves_the_token_as_it_was(bounded):
    token = park(bounded, timeout_ms=2000)
    running = start_to_sleep(bounded)
    busy = end(bounded, token, 1)
    assert (busy.status, busy.outcome) == (429, "busy")
    assert int(busy.headers["Retry-After"]) >= 1
    running.close()
    bounded.wait_idle()
    assert end(bounded, token, 2).body["result"] == 2
