"""The tokens that stand for calls, the entries that answer them, and where there is nobody to answer."""

import concurrent.futures
import json

import pytest

from request_parts import JSON, NDJSON
from templates import send
from tool_jobs import CALL, USED, end, main, park
from tools import send_answers

pytestmark = pytest.mark.usefixtures("no_job_is_left")


# Tokens and entries


def test_a_token_is_used_once(service):
    first = park(service, main("return [f(), f()]"))
    second = end(service, first, 1).body["continue"]
    for _ in range(2):
        answer = end(service, first, 7)
        assert (answer.status, answer.outcome, answer.body["error"]) == (410, "gone", USED)
    assert send_answers(service, second, [{"id": 2, "result": 2}]).body["result"] == [1, 2]
    assert send_answers(service, second, [{"id": 2, "result": 2}]).status == 410


def test_one_of_many_who_answer_at_once_is_heard(service):
    token = park(service)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: end(service, token, n), range(8)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses[0] == 200 and set(statuses[1:]) <= {410, 429}  # 429: it is not yet known who will be heard
    (heard,) = [n for n, answer in enumerate(answers) if answer.status == 200]
    assert answers[heard].body["result"] == heard


def test_a_token_of_another_instance(bounded, service):
    token = park(bounded)
    answer = end(service, token)
    assert (answer.status, answer.outcome) == (421, "misdirected")
    assert token.partition("-")[0] in answer.body["error"]
    assert end(bounded, token, 1).body["result"] == 1


@pytest.mark.parametrize(("results", "problem"), [
    ([{"id": 1, "result": 0}], "'results' has to have an entry for each call; there is none for 2"),
    ([{"id": 2, "error": ""}], "'results' has to have an entry for each call; there is none for 1"),
    ([{"id": n, "result": 0} for n in (1, 2, 3)], "'results' has an entry for call 3, which this token does not stand for"),
    ([{"id": n, "result": 0} for n in (1, 2, 1)], "'results' has two entries for call 1"),
    ([{"id": 1, "result": 0, "error": ""}, {"id": 2, "result": 0}], "the entry of 'results' for call 1 has to have either 'result' or 'error'"),
    ([{"id": 1}, {"id": 2, "result": 0}], "the entry of 'results' for call 1 has to have either 'result' or 'error'"),
    ([{"result": 0}], "an entry of 'results' has no 'id'"), ([{"id": "1", "result": 0}], "'id' of an entry of 'results' must be that of a call"),
    ([{"id": 1.5, "result": 0}], "'id' of an entry of 'results' must be that of a call"), ([{"id": -1, "result": 0}], "'id' of an entry of 'results' must be that of a call"),
    ([{"id": 1, "error": {}}], "'error' of an entry of 'results' must be a string, not an object"), ([{"id": 1, "value": 0}], "unknown field 'value' in an entry of 'results'"),
    ([], "'results' is empty"), ({}, "'results' field must be an array, not an object"), ([1], "'results' entries must be objects, not a number"),
])
def test_wrong_entries_leave_the_token_as_it_was(service, results, problem):
    script = "import asyncio\nasync def main(): return await asyncio.gather(f(), f())"
    token = park(service, script, tools_style="async")
    answer = send_answers(service, token, results)
    assert (answer.status, answer.outcome, answer.body["error"]) == (400, "invalid_request", problem)
    assert send_answers(service, token, [{"id": 2, "result": "b"}, {"id": 1, "result": "a"}]).body["result"] == ["a", "b"]


@pytest.mark.parametrize(("body", "status", "problem"), [
    ("{}", 400, "'continue' field is required"), ('{"continue": "x"}', 400, "'results' field is required"), ("[]", 400, ""), ("", 400, ""), ('{"continue": 1}', 400, "'continue' field must be a string, not a number"),
    ('{"continue": "x", "continue": "y"}', 400, "'continue' field is given twice"), ('{"continue": "x", "result": 1}', 400, "unknown field 'result'"),
    ('{"continue": "x", "results": [{"id": 1, "result": NaN}]}', 400, ""), ('{"continue": "x", "results": [{"id": 1, "result": "\\ud800"}]}', 400, ""),
])
def test_malformed_requests(service, body, status, problem):
    answer = service.request("POST", "/execute/continue", body, JSON)
    assert (answer.status, answer.outcome) == (status, "invalid_request")
    assert problem in answer.body["error"]


def test_the_type_of_the_body(service):
    answer = service.request("POST", "/execute/continue", "x", {"Content-Type": "text/plain"})
    assert (answer.status, answer.outcome) == (415, "invalid_request")


# Where there is nobody to answer


REFUSED = "unknown field 'tools', which is for a job of its own, whose caller answers: POST /execute, or a cell of a session"


def test_lines_of_a_batch(service):
    lines = [{"defaults": True, "script": "def main(): return 1"}, {"tools": ["f"]}, {"tools_style": "async"}, {}]
    answer = service.request("POST", "/execute/batch", "".join(json.dumps(one) + "\n" for one in lines), NDJSON)
    told = sorted((json.loads(row) for row in answer.raw.splitlines()), key=lambda row: row["index"])
    assert [row["outcome"] for row in told] == ["invalid_request", "invalid_request", "ok"]
    assert (told[0]["error"], told[0]["status"]) == (REFUSED, 400)
    defaults = service.request("POST", "/execute/batch", json.dumps({"defaults": True, "script": CALL, "tools": ["f"]}) + "\n{}\n", NDJSON)
    assert b"'tools'" in defaults.raw and b'"outcome": "ok"' not in defaults.raw


def test_messages_of_queues(service):
    headers = {**JSON, "X-CloudTasks-TaskName": "tools-1"}
    answer = service.request("POST", "/queue/tasks", json.dumps({"script": CALL, "tools": ["f"]}), headers)
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert answer.body["error"] == "'tools' field: nobody would answer the calls of a message's job"
    headers = {**JSON, "x-goog-pubsub-message-id": "tools-2"}
    assert service.request("POST", "/queue/pubsub", json.dumps({"script": CALL, "tools": ["f"]}), headers).status == 400


@pytest.mark.parametrize(("method", "path"), [("POST", "/sessions"), ("PUT", "/templates")])
def test_set_ups(service, method, path):
    answer = send(service, method, path, {"code": "x = 1", "tools": ["f"]})
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert "unknown field 'tools'" in answer.body["error"]
