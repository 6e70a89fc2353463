"""Jobs whose callers do not wait: `Prefer: respond-async`, and what becomes of their answers."""

import concurrent.futures
import json
import signal

import pytest

from api_keys import line
from sessions import Session
from state import Scrape

JSON = {"Content-Type": "application/json"}
ASYNC = {**JSON, "Prefer": "respond-async"}
LOOP = "def main():\n    while True: pass"


def begin(service, script="def main(): return 7", path="/execute", headers=None, **fields):
    field = {"code": fields.pop("code")} if "code" in fields else {"script": script}
    answer = service.request("POST", path, json.dumps({**field, **fields}), {**ASYNC, **(headers or {})})
    assert (answer.status, answer.outcome) == (202, "accepted"), answer
    assert answer.headers["Location"] == f"/jobs/{answer.body['job']}" and answer.headers["Preference-Applied"] == "respond-async"
    return answer.body["job"]


def show(service, job, seconds=0, headers=None):
    return service.request("GET", f"/jobs/{job}", headers={"Prefer": f"wait={seconds}", **(headers or {})})


def test_the_answer_is_that_of_the_request(service):
    for fields in ({}, {"script": "def main(): 1 / 0"}, {"script": "x ="}, {"code": "6 * 7"}, {"script": LOOP, "timeout_ms": 100},
                   {"verbose": True}, {"displays": True, "code": "display(1)"}):
        plain = {"script": "def main(): return 7"} | fields
        plain.pop("script") if "code" in fields else None
        direct = service.post(plain)
        answer = show(service, begin(service, **fields), 30)
        assert (answer.status, answer.outcome, list(answer.body)) == (direct.status, direct.outcome, list(direct.body))
        assert answer.body.get("result") == direct.body.get("result") and "Server-Timing" in answer.headers


def test_it_can_be_asked_for_again(service):
    job = begin(service)
    first = show(service, job, 30)
    assert [show(service, job).raw for _ in range(3)] == [first.raw] * 3
    assert service.request("DELETE", f"/jobs/{job}").status == 204
    gone = show(service, job)
    assert (gone.status, gone.outcome) == (410, "gone") and "its caller has ended it" in gone.body["error"]


def test_a_job_that_runs_is_202_and_can_be_ended(service):
    job = begin(service, LOOP)
    service.wait_until(lambda: service.health()["pool"]["running"] == 1)
    answer = show(service, job)
    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (202, {"job": job}, "1")
    assert service.request("DELETE", f"/jobs/{job}").status == 204
    service.wait_idle()
    assert show(service, job).status == 410


def test_one_that_is_ended_is_cancelled_and_no_failure(start):
    service = start(pool=1)
    job = begin(service, LOOP)
    service.wait_until(lambda: service.health()["pool"]["running"] == 1)
    service.request("DELETE", f"/jobs/{job}")
    service.wait_until(lambda: Scrape(service)["pyexec_jobs_total", "cancelled"] == 1)
    assert Scrape(service)["pyexec_jobs_total", "internal"] == 0


def test_who_waits_is_told_of_the_end(service):
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        ended = begin(service, LOOP, timeout_ms=800)
        waiting = [executor.submit(show, service, ended, 30) for _ in range(3)]
        assert [one.result().outcome for one in waiting] == ["time_limit"] * 3
        deleted = begin(service, LOOP)
        asking = executor.submit(show, service, deleted, 30)
        service.wait_until(lambda: service.health()["pool"]["running"] == 1)
        service.request("DELETE", f"/jobs/{deleted}")
        assert asking.result().status in (202, 410)


def test_the_job_does_not_end_with_its_request(service):
    connection = service.connect()
    connection.request("POST", "/execute", json.dumps({"script": "import time\ndef main():\n    time.sleep(0.3)\n    return 7"}), ASYNC)
    job = json.loads(connection.getresponse().read())["job"]
    connection.close()
    assert show(service, job, 30).body["result"] == 7


def test_cells_and_forms(service):
    session = Session(service)
    assert show(service, begin(service, code="x = 41", path=f"{session.path}/execute"), 30).body["cell"] == 1
    assert session.result("x + 1") == 42
    session.delete()
    body = b'--b\r\nContent-Disposition: form-data; name="code"\r\n\r\n6 * 7\r\n--b--\r\n'
    answer = service.request("POST", "/execute", body, {"Content-Type": "multipart/form-data; boundary=b", "Prefer": "respond-async"})
    assert show(service, answer.body["job"], 30).body["result"] == 42


@pytest.mark.parametrize("prefer", ["respond-async", "Respond-Async; x=1", "wait=10, respond-async", 'foo; bar="a", respond-async'])
def test_ways_to_prefer_it(service, prefer):
    assert service.request("POST", "/execute", '{"code": "1"}', {**JSON, "Prefer": prefer}).status == 202


@pytest.mark.parametrize("headers, fields", [
    ({"Prefer": "wait=10"}, {}), ({"Prefer": "respond-async-x"}, {}), ({}, {}), ({"Prefer": "respond-async", "Accept": "text/event-stream"}, {}),
    ({"Prefer": "respond-async"}, {"tools": ["search"]}),
])
def test_other_requests_are_answered_at_once(service, headers, fields):
    answer = service.request("POST", "/execute", json.dumps({"script": "def main(): return 1", **fields}), {**JSON, **headers})
    assert answer.status == 200 and "Preference-Applied" not in answer.headers


def test_what_is_refused_is_refused_at_once(service):
    answer = service.request("POST", "/execute", '{"scrpt": ""}', ASYNC)
    assert (answer.status, answer.outcome) == (400, "invalid_request")


def test_names_that_are_none(service):
    instance = begin(service)[:8]
    for name in ("x", f"{instance}-{'0' * 48}", "../health"):
        assert show(service, name).status == 404
    other = show(service, f"{'0' * 8}-{'0' * 48}")
    assert (other.status, other.outcome) == (421, "misdirected") and instance in other.body["error"]
    assert other.body["error"].endswith("; if that one has ended, so has the job")
    assert service.request("DELETE", "/jobs/x").status == 404


def test_a_job_is_its_keys_own(start, keys):
    keys.write_text(line("one", "k1") + line("two", "k2"))
    service = start(pool=1, keys_file=keys)
    mine, other = ({"Authorization": f"Bearer {key}"} for key in ("k1", "k2"))
    job = begin(service, headers=mine)
    assert show(service, job, 30, mine).status == 200
    assert show(service, job, 0, other).status == 404
    assert service.request("DELETE", f"/jobs/{job}", headers=other).status == 404
    assert service.request("GET", f"/jobs/{job}").status == 401


def test_answers_are_dropped_after_a_time(start):
    service = start(pool=1, job_keep_s=4)
    job = begin(service)
    assert show(service, job, 30).status == 200
    service.wait_until(lambda: show(service, job).status == 410)
    assert "PYEXEC_JOB_KEEP_S" in show(service, job).body["error"]


def test_the_oldest_answers_make_room(start):
    service = start(pool=1, jobs_per_key=2)
    jobs = []
    for _ in range(3):
        jobs.append(begin(service))
        assert show(service, jobs[-1], 30).status == 200
    assert [show(service, job).status for job in jobs] == [410, 200, 200]


def kept(service):
    rows = service.request("GET", "/metrics").raw.decode().splitlines()
    return int(next(row.split()[1] for row in rows if row.startswith("pyexec_async_jobs_kept ")))


def test_answers_that_nobody_has_asked_for_make_no_room(start):
    service = start(pool=1, jobs_per_key=2)
    jobs = [begin(service) for _ in range(2)]
    service.wait_until(lambda: kept(service) == 2)
    refused = service.request("POST", "/execute", '{"code": "1"}', ASYNC)
    assert (refused.status, refused.outcome) == (429, "busy") and "2 of a client" in refused.body["error"]
    assert show(service, jobs[1]).status == 200
    begin(service)
    assert [show(service, job).status for job in jobs] == [200, 410]


def test_who_has_most_loses_first(start, keys):
    keys.write_text(line("one", "k1") + line("two", "k2"))
    service = start(pool=1, keys_file=keys, jobs=3, job_memory_mb=1)
    mine, other = ({"Authorization": f"Bearer {key}"} for key in ("k1", "k2"))
    jobs = []
    while len(jobs) < 3:  # one after another: jobs that run side by side end in any order
        jobs.append(begin(service, "def main(): return 'x' * 300_000", headers=other))
        service.wait_until(lambda: kept(service) == len(jobs))
    own = begin(service, "def main(): return 'x' * 400_000", headers=mine)
    assert show(service, own, 30, mine).status == 200
    assert [show(service, job, 0, other).status for job in jobs] == [410, 200, 200]
    more = begin(service, "def main(): return 'x' * 500_000", headers=other)
    service.wait_until(lambda: show(service, more, 0, other).status != 202)
    assert show(service, own, 0, mine).status == 200


def test_inputs_of_jobs_that_wait_are_counted(start):
    service = start(pool=1, running=1, body_mb=60)
    blocker = begin(service, LOOP)
    service.wait_until(lambda: service.health()["pool"]["running"] == 1)
    body = json.dumps({"code": "1", "stdin": "x" * 4_000_000})
    answers = [service.request("POST", "/execute", body, ASYNC) for _ in range(12)]
    assert {answer.status for answer in answers} == {202, 429} and answers[0].status == 202
    assert {answer.outcome for answer in answers} == {"accepted", "busy"}
    service.request("DELETE", f"/jobs/{blocker}")
    for answer in answers:
        if answer.status == 202:
            assert show(service, answer.body["job"], 30).status == 200
    assert service.request("POST", "/execute", body, ASYNC).status == 202


def test_more_jobs_than_may_be_are_refused(start):
    service = start(pool=2, jobs=2)
    jobs = [begin(service, LOOP) for _ in range(2)]
    answer = service.request("POST", "/execute", '{"code": "1"}', ASYNC)
    assert (answer.status, answer.outcome) == (429, "busy") and "2 in all" in answer.body["error"]
    assert service.request("POST", "/execute", '{"code": "1"}', JSON).status == 200
    for job in jobs:
        service.request("DELETE", f"/jobs/{job}")
    show(service, begin(service), 30)


def test_kept_answers_are_bounded_in_bytes(start):
    service = start(pool=1, job_memory_mb=1)
    big = "def main(): return 'x' * 700_000"
    jobs = [begin(service, big) for _ in range(1)]
    assert show(service, jobs[0], 30).status == 200
    jobs.append(begin(service, big))
    assert show(service, jobs[1], 30).status == 200
    assert show(service, jobs[0]).status == 410 and "1048576 bytes" in show(service, jobs[0]).body["error"]
    metrics = service.request("GET", "/metrics").raw.decode()
    assert "\npyexec_async_jobs_kept 1\n" in metrics and "\npyexec_async_jobs_running 0\n" in metrics


def test_a_stop_ends_the_jobs(start):
    service = start(pool=1, drain_ms=5000)
    begin(service, LOOP)
    service.wait_until(lambda: service.health()["pool"]["running"] == 1)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0


def test_who_waits_is_answered_before_the_service_stops(start):
    service = start(pool=1, drain_ms=8000)
    job = begin(service, "import time\ndef main():\n    time.sleep(3)\n    return 7")
    connection = service.connect()
    connection.request("GET", f"/jobs/{job}", headers={"Prefer": "wait=30"})
    service.wait_until(lambda: service.health()["pool"]["running"] == 1)
    service.process.send_signal(signal.SIGTERM)
    assert json.loads(connection.getresponse().read())["result"] == 7
    connection.close()
