"""Level 4: what waits for its caller, or for the next cell, leaves the processor to jobs that run."""

from pathlib import Path

import pytest

from levels import can_have_level_4, cgroups_of, programs, shm, start_kind  # noqa: F401
from sessions import Session
from templates import Template
from tool_jobs import end, park, wait_for_jobs
from tools import LiveRun, parked

LOOP = "print(1, flush=True)\nwhile True: pass"
LEAST = {"cpu.weight": 1, "cpu.shares": 10}
BURN = "import os\nfor _ in range(2):\n    if os.fork() == 0:\n        while True: pass\n"


@pytest.fixture(scope="module")
def full(programs, shm):  # noqa: F811
    if not can_have_level_4(programs):
        pytest.skip("this host lets no control group be made")
    with start_kind("root", programs, shm, pool=2, timeout_ms=60000) as running:
        if not files_of(running):
            pytest.skip("no control group distributes processor time")
        yield running


def files_of(service):
    groups = cgroups_of(service.launcher_pid())  # one of them can have two names
    return {file.resolve() for group in groups for name in LEAST for file in Path(group).glob(f"slot-*/{name}")}


def least(service):
    """How many slots have the least share. All others have the full one."""
    shares = [(file.name, int(file.read_text())) for file in files_of(service)]
    assert set(shares) <= set(LEAST.items()) | {("cpu.weight", 100), ("cpu.shares", 1024)}, shares
    return sum(LEAST[name] == share for name, share in shares)


def wait_for_least(service, count):
    """A slot that is being made has the least for a moment."""
    service.wait_until(lambda: least(service) == count)


def look_while_it_runs(service, run, what):
    """run: of a job that prints, and then does not end by itself."""
    run.next("stdout")
    wait_for_least(service, what)


def test_a_job_that_waits_has_the_least(full):
    wait_for_least(full, 0)
    tokens = [park(full) for _ in range(3)]
    wait_for_least(full, 3)
    assert end(full, tokens[0], 7).body["result"] == 7
    wait_for_least(full, 2)
    with LiveRun(full, code=LOOP) as run:
        look_while_it_runs(full, run, 2)
    assert [end(full, token, 1).outcome for token in tokens[1:]] == ["ok", "ok"]
    wait_for_least(full, 0)


def test_it_has_its_own_again_when_it_goes_on(full):
    with LiveRun(full, code="f()\n" + LOOP, tools=["f"]) as run:
        call = run.next("call")
        wait_for_least(full, 1)
        assert run.answer(call, result=1).status == 202
        look_while_it_runs(full, run, 0)
    wait_for_jobs(full, 0)


def test_as_long_as_one_call_has_no_answer_it_waits(full):
    script = "import asyncio\nasync def main():\n    return await asyncio.gather(f(), f())"
    with LiveRun(full, script=script, tools=["f"], tools_style="async") as run:
        calls = [run.next("call") for _ in range(2)]
        for call in calls:
            full.wait_full()
            assert least(full) == 1
            assert run.answer(call, result=call["id"]).status == 202
        assert run.next("result")["result"] == [1, 2]
        wait_for_least(full, 0)


def test_one_that_is_ended_meanwhile_leaves_the_next_job_a_full_share(full):
    with LiveRun(full, code=BURN + "f()", tools=["f"]) as run:
        run.next("call")
        wait_for_least(full, 1)
    wait_for_jobs(full, 0)
    wait_for_least(full, 0)
    with LiveRun(full, code=LOOP) as run:
        look_while_it_runs(full, run, 0)


def test_it_goes_on_with_what_nobody_else_wants(full):
    """Its threads and processes are not stopped."""
    code = """
import threading
is_over = threading.Event()
def tick():
    while not is_over.wait(0.01): print(sum(range(10 ** 4)), flush=True)
threading.Thread(target=tick).start()
f()
is_over.set()
"""
    with LiveRun(full, code=code, tools=["f"]) as run:
        call = run.next("call")
        wait_for_least(full, 1)
        printed = ""
        while printed.count("49995000") < 5:
            printed += run.next("stdout")["text"]
        assert run.answer(call, result=1).status == 202
        run.next("result")


def test_a_session_has_the_least_between_its_cells(full):
    with Session(full) as session:
        path = f"{session.path}/execute"
        assert session.result("1") == 1
        wait_for_least(full, 1)
        with LiveRun(full, path, code=LOOP) as run:
            look_while_it_runs(full, run, 0)
        wait_for_least(full, 1)
        waiting = parked(full, path, code="f()", tools=["f"])
        wait_for_least(full, 1)
        with LiveRun(full, path, code=LOOP, at=0) as run:  # beside it, in the same jail
            look_while_it_runs(full, run, 0)
        wait_for_least(full, 1)
        assert end(full, waiting["continue"], 5).body["result"] == 5
    wait_for_least(full, 0)


def test_a_job_on_a_template_has_the_least_while_it_waits(full):
    with Template(full, "x = 1") as template:
        waiting = parked(full, template=template.name, code="f() + x", tools=["f"])
        wait_for_least(full, 1)
        assert end(full, waiting["continue"], 5).body["result"] == 6
        assert template.result("x") == 1
        full.wait_until(lambda: least(full) >= 1)  # its jails, until the next job
    wait_for_least(full, 0)
