"""Tools at every level of isolation."""

import pytest

from levels import has_processes
from sessions import Session
from templates import Template, metric
from tools import drive, drive_live, parked, send_answers

THREADS = """
import concurrent.futures
def main():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(double, range(8)))
"""
GATHER = "import asyncio\nasync def main():\n    return await asyncio.gather(*(double(n) for n in range(4)))"
CASES = {
    "sync": ({"script": "def main():\n    return double(double(1))"}, 4),
    "threads": ({"script": THREADS}, [0, 2, 4, 6, 8, 10, 12, 14]),
    "async": ({"script": GATHER, "tools_style": "async"}, [0, 2, 4, 6]),
}
TOOLS = {"double": lambda n: n * 2}


@pytest.mark.parametrize("case", CASES)
def test_a_job(at, case):
    request, result = CASES[case]
    assert drive(at, TOOLS, **request).result == result
    assert drive_live(at, TOOLS, **request)[-2] == ("result", {"result": result})


def test_a_job_that_is_ended_while_it_waits(at):
    script = "import os, threading\ndef main():\n    threading.Timer(1, os._exit, [3]).start()\n    double(1)"
    token = parked(at, script=script, tools=["double"])["continue"]
    at.wait_until(lambda: metric(at, "pyexec_tool_jobs_parked") == 0)
    assert send_answers(at, token, [{"id": 1, "result": 1}]).outcome == "exited"
    assert drive(at, TOOLS, script="def main():\n    return double(3)").result == 6


def test_a_cell(at):
    with Session(at, code="x = 1") as session:
        path = f"{session.path}/execute"
        assert drive(at, TOOLS, path, code="x = double(x); x").result == 2
        assert drive(at, TOOLS, path, code="x = await double(x); x", tools_style="async").result == 4
        assert session.result("x") == 4
        if has_processes(at):
            assert drive(at, TOOLS, path, code="double(x)", at=0).result == 2


def test_a_job_of_a_template(at):
    with Template(at, "def call(n): return double(n)") as template:
        for n in range(3):
            assert drive(at, TOOLS, template=template.name, call="call", args=[n]).result == 2 * n
