"""How many jobs with tools there may be and whose they are, how large and how many their calls are, and what is told of it."""


import pytest

from request_parts import JSON
from templates import metric
from tool_jobs import end, jobs_of, main, park, resident_of, CALL, NOBODYS, ONE, THREE, TWO
from tools import LiveRun, begin, drive, send_answers

pytestmark = pytest.mark.usefixtures("no_job_is_left")


# How many


def test_jobs_with_tools_of_the_service(bounded):
    refused_before = metric(bounded, 'pyexec_refusals_total{reason="tool_limit"}')
    tokens = [park(bounded) for _ in range(3)]
    refused = begin(bounded, script=CALL, tools=["f"])
    assert (refused.status, refused.outcome, refused.body["error"]) == (429, "busy", "this service has as many jobs with tools as it may: 3")
    assert int(refused.headers["Retry-After"]) >= 1
    assert metric(bounded, 'pyexec_refusals_total{reason="tool_limit"}') == refused_before + 1
    with LiveRun(bounded, script=CALL, tools=["f"]) as live:
        assert live.status == 429
    assert jobs_of(bounded) == (3, 3)
    assert bounded.execute("def main(): return 1").outcome == "ok"
    assert end(bounded, tokens.pop(), 5).body["result"] == 5
    tokens.append(park(bounded))
    assert [end(bounded, token, 6).body["result"] for token in tokens] == [6] * 3
    assert jobs_of(bounded) == (0, 0)


def test_a_job_that_ends_in_any_way_gives_its_place_back(bounded):
    for script in ("return 1", "return 1 / 0", "import os; os._exit(1)", "f(1, a=2)", "return object()"):
        for _ in range(4):
            assert begin(bounded, script=main(script), tools=["f"]).status in (200, 422)
    assert begin(bounded, script="def main(:", tools=["f"]).status == 400
    assert jobs_of(bounded) == (0, 0)


def test_no_jobs_with_tools_at_all(start):
    service = start(pool=1, parked=0)
    answer = begin(service, script=CALL, tools=["f"])
    assert (answer.status, answer.outcome) == (429, "busy")
    assert begin(service, script="def main(): return 1", tools=[]).outcome == "ok"


def test_jobs_of_a_key_and_whose_tokens_they_are(keyed):
    tokens = [park(keyed, headers=ONE) for _ in range(2)]
    refused = begin(keyed, headers=ONE, script=CALL, tools=["f"])
    assert (refused.status, refused.outcome) == (429, "busy")
    assert refused.body["error"] == "there are as many jobs with tools of this client as there may be: 2"
    others = park(keyed, headers=TWO)
    for token, key in ((others, ONE), (tokens[0], TWO)):
        answer = end(keyed, token, "stolen", key)
        assert (answer.status, answer.outcome, answer.body["error"]) == (404, "not_found", NOBODYS)
    assert end(keyed, others, 1, {}).status == 401
    assert end(keyed, others, "own", TWO).body["result"] == "own"
    assert [end(keyed, token, "own", ONE).body["result"] for token in tokens] == ["own"] * 2
    used = end(keyed, others, "stolen", ONE)
    assert (used.status, used.body["error"]) == (404, NOBODYS)
    assert end(keyed, others, "again", TWO).status == 410


def test_a_waiting_job_is_none_of_the_running_ones_of_its_key(keyed):
    """Of which there may be one."""
    tokens = [park(keyed, headers=TWO) for _ in range(2)]
    assert begin(keyed, headers=TWO, script="def main(): return 1").outcome == "ok"
    assert [end(keyed, token, 1, TWO).outcome for token in tokens] == ["ok", "ok"]


def test_a_rate_limit_leaves_the_token_as_it_was(keyed):
    token = park(keyed, headers=THREE)
    keyed.wait_until(lambda: send_answers(keyed, token, [], **THREE).status == 429)
    answers = []
    keyed.wait_until(lambda: answers.append(end(keyed, token, 1, THREE)) or answers[-1].status != 429)
    assert answers[-1].body["result"] == 1
    assert {answer.outcome for answer in answers[:-1]} <= {"rate_limited"}


# How large


def test_arguments(bounded):
    script = main("try:\n    f('x' * 1100)\nexcept ToolError as error:\n    return [str(error), f('x' * 900)]")
    run = drive(bounded, {"f": len}, script=script)
    assert run.result == ["f(): arguments of 1104 bytes, more than the limit of 1000", 900]
    assert len(run.calls) == 1


def test_arguments_of_all_calls_that_wait(bounded):
    script = "import asyncio\nasync def main(size):\n    done = await asyncio.gather(f('x' * size), f('y' * size), return_exceptions=True)\n    return [str(one) for one in done]"
    fits = drive(bounded, {"f": len}, script=script, args=[400], tools_style="async")
    assert fits.result == ["400", "400"]
    first, second = drive(bounded, {"f": len}, script=script, args=[600], tools_style="async").result
    assert (first, second) == ("600", "f(): arguments of 1208 bytes, more than the limit of 1000")
    again = "async def main():\n    return [await f('x' * 900) for _ in range(3)]"
    assert drive(bounded, {"f": len}, script=again, tools_style="async").result == [900] * 3


def test_results(bounded):
    token = park(bounded, "def main():\n    return len(f())")
    refused = end(bounded, token, "x" * 1100)
    assert (refused.status, refused.outcome, refused.body["error"]) == (413, "invalid_request", "results are 1102 bytes together, more than the limit of 1000")
    assert end(bounded, token, "x" * 900).body["result"] == 900


def test_how_many_calls_of_a_job(bounded):
    script = main("done = 0\ntry:\n    while True: done += f()\nexcept ToolError as error:\n    return [done, str(error)]")
    run = drive(bounded, {"f": lambda: 1}, script=script)
    assert run.result == [20, "f(): more calls of tools than the limit of 20"]
    assert len(run.calls) == 20


def test_how_many_calls_at_once(service):
    script = "import asyncio\nasync def main(n):\n    done = await asyncio.gather(*(f() for _ in range(n)), return_exceptions=True)\n    return sorted({str(one) for one in done})"
    run = drive(service, {"f": lambda: 1}, script=script, args=[100], tools_style="async")
    assert (run.result, [len(calls) for calls in run.rounds]) == (["1"], [100])
    run = drive(service, {"f": lambda: 1}, script=script, args=[101], tools_style="async")
    assert run.result == ["1", "f(): more calls of tools wait for an answer than the limit of 100"]


def test_arguments_that_are_nested_too_deeply_raise_where_the_call_is(service):
    script = "def nested(levels):\n    x = []\n    for _ in range(levels): x = [x]\n    return x\n" + main("try:\n    return f(nested(600))\nexcept Exception as error:\n    return [type(error).__name__, f(nested(400))]")
    run = drive(service, {"f": lambda x: "taken"}, script=script)
    assert run.answer.outcome == "ok", run.answer
    assert run.result[1] == "taken" and run.result[0] in ("TypeError", "ToolError")


def test_results_that_are_nested_too_deeply(service):
    token = park(service, main("x, n = f(), 0\nwhile x: x, n = x[0], n + 1\nreturn n"))
    refused = service.request("POST", "/execute/continue", '{"continue": "%s", "results": [{"id": 1, "result": %s}]}' % (token, "[" * 600 + "]" * 600), JSON)
    assert (refused.status, refused.outcome) == (400, "invalid_request")
    deep = "[" * 400 + "]" * 400
    assert service.request("POST", "/execute/continue", '{"continue": "%s", "results": [{"id": 1, "result": %s}]}' % (token, deep), JSON).body["result"] == 399


# Memory


def test_a_thousand_calls_take_no_more_memory(service):
    script = main("for n in range(1200): f('x' * 1000)\nreturn n")
    sizes = {}

    def f(text):
        sizes[len(sizes) + 1] = resident_of(service)
        return text

    assert drive(service, {"f": f}, script=script).result == 1199
    assert sizes[1200] - sizes[200] < 8 << 20


# What is told of it


def test_metrics(service):
    calls, answers = metric(service, "pyexec_tool_calls_total"), metric(service, 'pyexec_jobs_total{outcome="ok"}')
    first, second = park(service), park(service)
    assert jobs_of(service) == (2, 2)
    assert metric(service, "pyexec_tool_calls_total") == calls + 2
    assert end(service, first).outcome == "ok"
    assert jobs_of(service) == (1, 1)
    assert end(service, second).outcome == "ok"
    assert jobs_of(service) == (0, 0)
    assert metric(service, 'pyexec_jobs_total{outcome="ok"}') == answers + 2
