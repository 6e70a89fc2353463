"""Templates: what a job finds of its set-up, at each endpoint, and how a name is made."""

import json

import pytest

from sessions import Session
from templates import Template, metric, send

SETUP = """
import pandas as pd
prices = pd.Series({"tea": 2.5, "coffee": 4.0})
seen = []
def total(items, rebate=0):
    return float(prices[items].sum()) * (1 - rebate)
class Basket:
    pass
"""
NOBODYS = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def prices(service):
    with Template(service, SETUP) as template:
        yield template


def test_a_call(prices):
    answer = prices.execute(call="total", args={"items": ["tea", "coffee"], "rebate": 0.5})
    assert (answer.status, answer.body) == (200, {"result": 3.25, "stdout": ""})
    assert prices.call("total", ["tea"]) == 2.5


def test_a_script(prices):
    answer = prices.execute(script="def main(n): return [n, total(['tea']), __name__]", args=[7])
    assert answer.body == {"result": [7, 2.5, "script"], "stdout": ""}


def test_code(prices):
    answer = prices.code("print(__name__)\nprices.sum()")
    assert answer.body == {"result": 6.5, "repr": "6.5", "stdout": "__main__\n"}


def test_what_a_job_changes_is_gone_with_it(prices):
    assert prices.result("seen.append(1); prices['tea'] = 9; extra = 1\n[len(seen), total(['tea'])]") == [1, 9]
    assert prices.result("[len(seen), total(['tea']), 'extra' in globals()]") == [0, 2.5, False]


def test_jobs_that_leave_nothing_use_one_jail(start):
    service = start(pool=1, template_jails=1)
    with Template(service, "x = 1") as template:
        jobs = [template.result("import os; x += 1; [os.getpid(), x]") for _ in range(5)]
        assert len({pid for pid, _ in jobs}) == 5
        assert {x for _, x in jobs} == {2}
        assert metric(service, "pyexec_template_setups_total") == 1


@pytest.mark.parametrize(("request_of", "problem"), [
    ({"call": "nothing"}, "'call' names 'nothing', which nothing has defined; there is: Basket, total"),
    ({"call": "prices"}, "'prices' must be a function, not Series"),
])
def test_a_call_of_nothing(prices, request_of, problem):
    answer = prices.execute(**request_of)
    assert (answer.status, answer.outcome, answer.body["error"]) == (400, "invalid_script", problem)


def test_a_call_with_other_arguments(prices):
    answer = prices.execute(call="total", args=[])
    assert (answer.status, answer.outcome) == (422, "invalid_arguments")
    assert answer.body["error"].startswith("'args' do not fit total(items, rebate=0): missing")


def test_a_coroutine_is_awaited(service):
    with Template(service, "async def later(n): return n + 1") as template:
        assert template.call("later", 1) == 2


@pytest.mark.parametrize(("body", "problem"), [
    ({"template": "tea", "code": "1"}, "'template' field must be a name that PUT /templates has answered: \"sha256:\" and 64 digits"),
    ({"template": 1, "code": "1"}, "'template' field must be a string, not a number"),
    ({"template": NOBODYS}, "'script', 'code' or 'call' field is required"),
    ({"template": NOBODYS, "call": ""}, "'call' field must be the name of a function, not \"\""),
    ({"template": NOBODYS, "call": "f", "code": "1"}, "a request has one of 'script', 'code' and 'call', not two"),
    ({"call": "f"}, "'call' field names a function of a template, and there is no 'template'"),
    ({"template": NOBODYS, "code": "1", "args": [1]}, "'args' field is for main() of a 'script', and this is 'code'"),
])
def test_malformed_requests(service, body, problem):
    answer = send(service, "POST", "/execute", body)
    assert (answer.status, answer.outcome, answer.body["error"]) == (400, "invalid_request", problem)


@pytest.mark.parametrize(("body", "problem"), [
    ({}, "'code' field is required"),
    ({"script": "def main(): pass"}, "'code' field is required; unknown field 'script', which is for jobs: the set-up of a template is 'code'"),
    ({"code": "1", "template": NOBODYS}, "unknown field 'template', which is for jobs: the set-up of a template is 'code'"),
    ({"code": "1", "idle_s": 5}, "unknown field 'idle_s', which is for a new session"),
    ({"code": None}, "'code' field must be a string, not null"),
])
def test_malformed_set_ups(service, body, problem):
    answer = send(service, "PUT", "/templates", body)
    assert (answer.status, answer.body["error"]) == (400, problem)


def test_the_name_is_that_of_what_was_sent(service):
    with Template(service, "x = 1", files={"a": "1", "b": "2"}, env={"JOB_A": "1"}) as one:
        assert one.made.status == 201
        again = Template(service, "x = 1", files={"b": "2", "a": "1"}, env={"JOB_A": "1"}, timeout_ms=999, verbose=True)
        assert (again.made.status, again.made.body) == (200, {"template": one.name})
        for other in ({"files": {"a": "1"}}, {"files": {"a": "1", "b": "2"}, "memory_mb": 200}, {"files": {"a": "1", "b": "2"}}):
            with Template(service, "x = 1", **other) as different:
                assert different.name != one.name


def test_the_name_is_the_same_on_every_instance(service, start):
    other = start(pool=1)
    with Template(service, "x = 'same'") as here, Template(other, "x = 'same'") as there:
        assert here.name == there.name
        here.delete()
        assert there.result("x") == "same"


def test_what_the_set_up_prints_is_told_once(service):
    with Template(service, "print('ready')") as template:
        assert template.made.body["stdout"] == "ready\n"
        assert template.result("print('job')") is None
        assert template.code("print('job')").body["stdout"] == "job\n"


def test_files_and_environment(service):
    code = "import os, pandas as pd\nframe = pd.read_csv('in/a.csv')\nos.makedirs('d'); open('d/out', 'w').write('O')"
    with Template(service, code, files={"in/a.csv": "n\n1\n2\n"}, env={"JOB_X": "of the set-up", "JOB_Y": "y"}) as template:
        answer = template.code("[int(frame.n.sum()), open('in/a.csv').read(), open('d/out').read(), open('own').read(), os.environ['JOB_X'], os.environ['JOB_Y']]",
                               files={"own": "F"}, env={"JOB_X": "x"})
        assert answer.body["result"] == [3, "n\n1\n2\n", "O", "F", "x", "y"]
        assert template.result("[sorted(os.listdir()), os.environ['JOB_X']]") == [["d", "in"], "of the set-up"]
        returned = template.code("open('plot', 'w').write('P')", return_files=["plot", "d/*"]).body["files"]
        assert sorted(returned) == ["d/out", "plot"]


def test_standard_input(prices):
    assert prices.result("import sys; sys.stdin.read()", stdin="line\n") == "line\n"
    assert prices.result("import sys; sys.stdin.read()") == ""


def test_random_numbers_begin_anew_and_a_generator_does_not(service):
    setup = "import random, numpy as np\nrandom.seed(1); np.random.seed(1)\nown = np.random.default_rng()"
    with Template(service, setup) as template:
        drawn = [template.result("[random.random(), np.random.random(), own.random()]") for _ in range(3)]
        assert [len({row[i] for row in drawn}) for i in range(3)] == [3, 3, 1]


def test_a_traceback_names_the_set_up(service):
    with Template(service, "def f(n):\n    return 1 / n\n") as template:
        answer = template.execute(call="f", args=[0], verbose=True)
        assert (answer.status, answer.outcome) == (422, "exception")
        assert 'File "<template>", line 2, in f\n    return 1 / n' in answer.body["error"]
        assert answer.body["limits"]["timeout_ms"] == 5000 or answer.body["limits"]["timeout_ms"] > 0


@pytest.mark.parametrize(("code", "outcome"), [
    ("1 / 0", "exception"), ("import sys; sys.exit(3)", "exited"), ("import os; os._exit(1)", "exited"), ("while True: pass", "time_limit"),
    ("x = 'a' * (1 << 40)", "memory_limit"), ("import os, signal; os.abort()", "killed"), ("(", "invalid_script"),
])
def test_a_set_up_that_fails(service, code, outcome):
    limit = {"timeout_ms": 700} if outcome == "time_limit" else {}
    answer = send(service, "PUT", "/templates", {"code": code, **limit})
    assert answer.outcome == outcome
    assert send(service, "GET", "/templates").body == {"templates": []} or outcome


def test_a_job_over_its_time_costs_itself(prices):
    assert prices.code("while True: pass", timeout_ms=200).outcome == "time_limit"
    assert prices.result("total(['tea'])") == 2.5


def test_a_job_over_its_memory_costs_itself(prices):
    assert prices.code("x = bytearray(1 << 29)", memory_mb=300).outcome == "memory_limit"
    assert prices.result("len(bytearray(1 << 20))") == 1 << 20


def test_unknown_here(service):
    answer = send(service, "POST", "/execute", {"template": NOBODYS, "code": "1"})
    assert (answer.status, answer.outcome) == (412, "unknown_template")
    assert answer.body["error"] == f"no template {NOBODYS} on this instance: send it again to PUT /templates, and then this request"


def test_delete(service):
    template = Template(service, "x = 'deleted'")
    assert template.shown()["jails"] == 1
    assert template.delete().status == 204
    assert template.shown() is None
    assert template.code("x").status == 412
    again = template.delete()
    assert (again.status, again.outcome) == (404, "not_found")


def test_a_live_answer(service, prices):
    body = json.dumps({"template": prices.name, "code": "print('a\\n', end='')\ntotal(['tea'])"})
    answer = service.request("POST", "/execute", body, {"Content-Type": "application/json", "Accept": "application/x-ndjson"})
    events = [json.loads(line) for line in answer.raw.splitlines()]
    assert [event["event"] for event in events] == ["stdout", "result", "end"]
    assert events[1]["result"] == 2.5


def test_a_live_answer_without_a_template_is_no_stream(service):
    body = json.dumps({"template": NOBODYS, "code": "1"})
    answer = service.request("POST", "/execute", body, {"Content-Type": "application/json", "Accept": "text/event-stream"})
    assert (answer.status, answer.outcome) == (412, "unknown_template")


def test_a_batch(service, prices):
    lines = [{"defaults": True, "template": prices.name, "call": "total"}, {"args": [["tea"]]}, {"args": {"items": ["coffee"], "rebate": 1}},
             {"code": "len(prices)"}, {"script": "def main(): return total(['tea'])"}, {"template": NOBODYS, "args": [1]}]
    answer = service.request("POST", "/execute/batch", json.dumps(lines), {"Content-Type": "application/json"})
    rows = answer.body
    assert [row.get("result") for row in rows] == [2.5, 0.0, 2, 2.5, None]
    assert (rows[4]["status"], rows[4]["outcome"]) == (412, "unknown_template")


def test_a_batch_line_with_a_call_needs_a_template(service):
    answer = service.request("POST", "/execute/batch", json.dumps([{"defaults": True, "call": "f"}, {"args": [1]}]), {"Content-Type": "application/json"})
    assert answer.body[0]["error"] == "'call' field names a function of a template, and there is no 'template'"


def test_a_session_begins_with_a_template(service, prices):
    with Session(service, template=prices.name, code="cheap = total(['tea'])") as session:
        assert session.result("cheap") == 2.5
        assert session.execute(call="total", args=[["coffee"]]).body["result"] == 4
        session.result("prices['tea'] = 0")
        assert session.result("total(['tea'])") == 0
        assert session.result("total(['tea'])", at=0) == 2.5
        assert session.cell("1", template=prices.name).body["error"] == "unknown field 'template', which is for a new session"
    assert prices.result("total(['tea'])") == 2.5
    with Session(service, template=prices.name) as session:
        assert session.result("len(prices)") == 2


def test_a_session_without_its_template(service):
    answer = send(service, "POST", "/sessions", {"template": NOBODYS})
    assert (answer.status, answer.outcome) == (412, "unknown_template")


def test_metrics(start):
    service = start(pool=1)
    with Template(service, "x = 1") as template:
        assert template.result("x") == 1
        send(service, "POST", "/execute", {"template": NOBODYS, "code": "1"})
        names = ["pyexec_templates", "pyexec_templates_made_total", "pyexec_template_setups_total",
                 'pyexec_template_requests_total{found="hit"}', 'pyexec_template_requests_total{found="miss"}']
        assert [metric(service, name) for name in names] == [1, 1, 1, 1, 1]
        assert metric(service, "pyexec_template_setup_seconds_total") > 0
        assert metric(service, "pyexec_template_memory_bytes") > 0
    assert metric(service, 'pyexec_templates_ended_total{reason="deleted"}') == 1
    assert metric(service, "pyexec_template_jails") == 0
