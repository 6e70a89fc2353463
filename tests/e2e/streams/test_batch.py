"""Many jobs in one request: POST /execute/batch."""

import json
import socket
import threading

import pytest

from batch_requests import SLEEP, by_index, send
from raw_http import Stream
from request_parts import JSON
from state import Scrape, open_sockets, pool_of


def test_each_line_is_a_job_and_has_an_answer(service):
    jobs = [{"id": f"job {n}", "script": f"print({n})\ndef main(): return {n} ** 2"} for n in range(50)]
    answers = by_index(send(service, jobs))
    assert answers == [
        {"index": n, "id": f"job {n}", "outcome": "ok", "status": 200, "result": n**2, "stdout": f"{n}\n"} for n in range(50)
    ]


def test_any_field_of_execute_is_good_in_a_line(service):
    line = {
        "script": "import sys\ndef main(a):\n    print(input(), file=sys.stderr)\n    open('o', 'w').write(open('i').read())\n    return a",
        "args": [1], "stdin": "in", "files": {"i": "x"}, "verbose": True, "return_files": ["o"], "timeout_ms": 2000,
    }
    (answer,) = send(service, [line])
    assert (answer["result"], answer["stderr"], answer["files"]["o"]["size"]) == (1, "in\n", 1)
    assert answer["usage"]["run_ms"] > 0 and answer["limits"]["timeout_ms"] == 2000
    assert list(answer).count("outcome") == 1


@pytest.mark.parametrize(
    "line, status, error, id",
    [
        ("{bad", 400, "invalid JSON at byte 1", None), ("[]", 400, "must be a JSON object", None),
        ('{"id": "a"}', 400, "'script' field is required", "a"), ('{"id": "a", "script": 3}', 400, "'script' field must be", "a"),
        ('{"script": 3, "id": "a"}', 400, "'script' field must be", "a"), ('{"script": "", "x": 1, "id": 7}', 400, "unknown field 'x'", 7),
        ('{"script": "x", "id": 1.5}', 400, "'id' field must be", None), ('{"script": "x", "id": {}}', 400, "'id' field must be", None),
        ('{"script": "x", "id": "%s"}' % ("i" * 257), 400, "'id' is longer than 256", None),
        ('{"script": "%s", "id": "l"}' % ("#" * 204_801), 413, "more than the limit of 204800", "l"),
        ('{"script": "x", "timeout_ms": 999999}', 400, "more than the limit", None),
        ('{"script": "x", "progress_ms": 100}', 400, "'progress_ms' field is for a first line", None),
        ('{"script": "x", "defaults": true}', 400, "must be the first", None),
        ('{"script": "x", "defaults": false}', 400, "'defaults' field must be true", None),
    ],
)
def test_a_bad_line_is_one_error_line(service, line, status, error, id):
    good = {"script": "def main(): return 1", "id": "good"}
    first, bad, last = by_index(send(service, [good, line, good]))
    assert first["result"] == last["result"] == 1
    assert list(bad) == ["index", "id", "outcome", "status", "error"]
    assert (bad["outcome"], bad["status"], bad["id"]) == ("invalid_request", status, id) and error in bad["error"]


def test_a_line_larger_than_any_job_is_one_error_line(start):
    service = start(script_bytes=1000, input_bytes=1000, pool=2)  # the largest body: 12,096 bytes
    lines = [{"script": "def main(): return 1"}, '{"script": "' + "x" * 2_000_000 + '"}', {"script": "def main(): return 2"}]
    first, bad, last = by_index(send(service, lines))
    assert (first["result"], last["result"], bad["status"]) == (1, 2, 413) and "limit of 12096 bytes" in bad["error"]


def test_failed_jobs_are_answers_like_others(service):
    scripts = {"exception": "def main(): 1 / 0", "killed": "import os\ndef main(): os.abort()", "invalid_script": "x = 1",
               "time_limit": "def main():\n    while True: pass", "not_serializable": "def main(): return object()"}
    limits = {"time_limit": {"timeout_ms": 500}}
    answers = send(service, [{"id": k, "script": v, **limits.get(k, {})} for k, v in scripts.items()])
    assert {a["id"]: a["outcome"] for a in answers} == {k: k for k in scripts}
    assert all("error" in a and "stdout" in a for a in answers)


def test_one_script_and_many_inputs(service):
    lines = [{"defaults": True, "script": "def main(x): return x * 2", "timeout_ms": 2900}]
    lines += [{"id": n, "args": [n]} for n in range(20)] + [{"script": "def main(): return 'own'"}]
    answers = by_index(send(service, lines))
    assert [a["result"] for a in answers] == [2 * n for n in range(20)] + ["own"]


def test_defaults_are_replaced_field_by_field(service):
    script = "import os\ndef main(**a): return [a, sorted(os.listdir()), os.environ.get('JOB_A'), os.environ.get('JOB_B')]"
    lines = [
        {"defaults": True, "script": script, "args": {"a": 1}, "files": {"f": ""}, "env": {"JOB_A": "1"}},
        {}, {"args": {"b": 2}}, {"files": {"g": ""}}, {"env": {"JOB_B": "2"}},
    ]
    assert [a["result"] for a in by_index(send(service, lines))] == [
        [{"a": 1}, ["f"], "1", None], [{"b": 2}, ["f"], "1", None], [{"a": 1}, ["g"], "1", None], [{"a": 1}, ["f"], None, "2"],
    ]


def test_defaults_with_a_problem_are_one_error_line(service):
    lines = [{"defaults": True, "script": "def main(): return 1", "progress_ms": 1}, {"script": "def main(): return 2"}]
    bad, other = by_index(send(service, lines))
    assert bad["status"] == other["status"] == 400 and "at least 100" in bad["error"]
    assert other["error"].startswith("the line with 'defaults' was refused: ")  # its limits would be others


def test_progress_on_request(service):
    lines = [{"defaults": True, "script": SLEEP, "progress_ms": 100}] + [{"args": [0.3]}] * 3 + ["{bad"]
    answers = send(service, lines)
    progress = [a["progress"] for a in answers if "progress" in a]
    assert len(progress) >= 3 and progress[-1] == {"read": 4, "running": 0, "done": 4, "failed": 1}
    assert any(p["running"] > 0 for p in progress) and "progress" in answers[-1]
    assert len([a for a in answers if "progress" not in a]) == 4


@pytest.mark.parametrize("jobs", [0, 1, 20])
def test_an_array_in_is_an_array_out_in_its_order(service, jobs):
    body = json.dumps([{"script": SLEEP + f"; return {n}", "args": [0.1 if n == 0 else 0], "id": f",]{n}"} for n in range(jobs)])
    answer = service.request("POST", "/execute/batch", body, JSON)
    assert [(a["index"], a["id"], a["result"]) for a in answer.body] == [(n, f",]{n}", n) for n in range(jobs)]


@pytest.mark.parametrize(
    "body, count, error",
    [("{}", 1, "must be a JSON array"), ("[", 1, "ends before"), ('[{"script": "def main(): return 1"}', 1, "ends before"),
     ("[1]", 1, "must be a JSON object"), ("[] []", 1, "something follows"), ("", 1, "ends before")],
)
def test_a_body_that_is_no_array_is_told_in_the_array(service, body, count, error):
    answer = service.request("POST", "/execute/batch", body, JSON)
    assert answer.status == 200 and len(answer.body) == count
    assert answer.body[-1]["outcome"] == "invalid_request" and error in answer.body[-1]["error"]


def test_blank_lines_and_an_empty_body_are_no_jobs(service):
    assert send(service, ["", " ", "\r"]) == []
    (answer,) = send(service, ["", json.dumps({"script": "def main(): return 1"}), ""])
    assert answer["index"] == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-json", ""])
def test_another_content_type_is_a_415(service, kind):
    answer = service.request("POST", "/execute/batch", "{}", {"Content-Type": kind})
    assert (answer.status, answer.outcome) == (415, "invalid_request")


def test_answers_come_while_the_request_is_still_being_sent(service):
    stream = Stream(service)
    for n in range(5):
        stream.send({"script": f"def main(): return {n}", "id": n})
        assert next(stream.lines)["result"] == n
    stream.end()
    assert list(stream.lines) == []
    stream.close()


def test_expect_continue_is_answered_before_the_lines(service):
    line = b'{"script": "def main(): return 1"}'
    stream = Stream(service, f"Content-Length: {len(line)}\r\nExpect: 100-continue")
    assert stream.file.readline().startswith(b"HTTP/1.1 100")
    assert stream.file.readline() == b"\r\n"
    stream.socket.sendall(line)
    assert next(stream.lines)["result"] == 1
    stream.close()


def test_a_batch_is_read_as_its_jobs_run(start):
    """A client that sends on and on is held up, and takes no memory, while the jobs do not end."""
    service = start(pool=2, running=2, timeout_ms=60000)
    stream = Stream(service)
    stream.send(*[{"script": SLEEP, "args": [1000]}] * 4)
    service.wait_until(lambda: pool_of(service)["running"] == 2)
    stream.socket.settimeout(1)
    sent = 0
    with pytest.raises(TimeoutError):
        for _ in range(2000):
            stream.send(*[{"script": "def main(): pass\n#" + "x" * 50_000}] * 10)
            sent += 1
    assert sent < 200  # of 500 KB each: what the kernel's buffers hold
    assert Scrape(service)["pyexec_request_body_bytes",] < 2 << 20
    stream.close()
    service.wait_until(lambda: pool_of(service)["running"] == 0)


def test_a_client_that_does_not_read_its_answers_is_held_up_and_holds_no_worker(start):
    service = start(pool=4, running=4)
    body = "".join(json.dumps({"script": "def main(): return 'x' * 1_000_000", "id": n}) + "\n" for n in range(60))
    stream = Stream(service)
    sender = threading.Thread(target=stream.socket.sendall, args=[b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body.encode())])
    sender.start()
    service.wait_until(lambda: Scrape(service)["pyexec_jobs_total", "ok"] >= 9)
    service.wait_until(lambda: pool_of(service)["running"] == 0)
    before = Scrape(service)["pyexec_jobs_total", "ok"]
    assert before < 60 and service.execute("def main(): return 1").body["result"] == 1
    assert sorted(a["id"] for a in stream.lines) == list(range(60))
    sender.join()
    stream.close()


@pytest.mark.parametrize("how", ["close", "half close", "reset"])
@pytest.mark.parametrize("ended", [False, True])
def test_a_client_that_goes_away_has_its_jobs_killed(start, how, ended):
    service = start(pool=2, running=2, timeout_ms=60000)
    stream = Stream(service)
    stream.send(*[{"script": SLEEP, "args": [1000]}] * (2 if ended else 5))
    if ended:
        stream.end()
    service.wait_until(lambda: pool_of(service)["running"] == 2)
    if how == "half close":
        stream.socket.shutdown(socket.SHUT_WR)
    else:
        if how == "reset":
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream.close()
    service.wait_until(lambda: pool_of(service)["running"] == 0)
    service.wait_until(lambda: open_sockets(service) == 0)
    stream.close()
