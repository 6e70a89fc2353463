"""How many sessions there may be, whose they are, and how they end."""

import json
import signal
import threading
import time

import pytest

from api_keys import KEY, line
from processes import descendants_of, name_of
from sessions import Session


def open_one(service, headers=None, **setup):
    sent = {"Content-Type": "application/json", **(headers or {})}
    return service.request("POST", "/sessions", json.dumps(setup), sent)


def metric(service, name):
    for row in service.request("GET", "/metrics").raw.decode().splitlines():
        if row.startswith(name + " "):
            return float(row.split()[-1])
    raise KeyError(name)


def test_at_the_bound_of_the_service_the_answer_is_429(start):
    service = start(pool=1, sessions=2)
    first, second = Session(service), Session(service)
    refused = open_one(service)
    assert (refused.status, refused.outcome) == (429, "busy")
    assert refused.body["error"] == "this service has as many sessions as it may: 2"
    assert refused.headers["Retry-After"]
    first.delete()
    with Session(service):
        assert second.result("1") == 1
    second.delete()
    assert metric(service, 'pyexec_refusals_total{reason="session_limit"}') == 1


def test_a_set_up_that_fails_gives_its_place_back(start):
    service = start(pool=1, sessions=1)
    for _ in range(3):
        assert open_one(service, code="1/0").outcome == "exception"
    with Session(service) as session:
        assert session.result("1") == 1


def test_no_sessions_at_all(start):
    assert open_one(start(pool=1, sessions=0)).status == 429


@pytest.fixture
def with_keys(start, keys):
    keys.write_text(line("one", KEY) + line("two", "k3y-two"))
    return start(pool=1, keys_file=keys, sessions_per_key=2)


ONE, TWO = ({"Authorization": f"Bearer {key}"} for key in (KEY, "k3y-two"))


def test_a_key_has_a_bound_of_its_own(with_keys):
    mine = [Session(with_keys, ONE) for _ in range(2)]
    refused = open_one(with_keys, ONE)
    assert (refused.status, refused.outcome) == (429, "busy")
    assert "of this client" in refused.body["error"]
    with Session(with_keys, TWO) as other:
        assert other.result("1") == 1
    for session in mine:
        session.delete()


def test_a_session_is_nobody_elses(with_keys):
    with Session(with_keys, ONE) as session:
        session.put("secret", b"s")
        for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/files/secret"), ("PUT", "/files/secret"), ("POST", "/execute")]:
            body = '{"code": "1"}' if method == "POST" else None
            answer = with_keys.request(method, session.path + path, body, {"Content-Type": "application/json", **TWO})
            assert (answer.status, answer.outcome) == (404, "not_found"), (method, path, answer)
            assert answer.body == {"error": "no such session"}
            assert with_keys.request(method, session.path + path, body).status == 401
        assert with_keys.request("GET", "/sessions", None, TWO).body == {"sessions": []}
        assert [one["session"] for one in session.send("GET", "/sessions").body["sessions"]] == [session.id]
        assert session.get("secret").raw == b"s"
    # Nor is what has become of it.
    assert with_keys.request("GET", session.path, None, TWO).status == 404
    assert session.show().status == 410


def test_unknown_gone_and_elsewhere_can_be_told_apart(service):
    session = Session(service)
    assert session.delete().status == 204
    gone = session.show()
    assert (gone.status, gone.outcome, gone.body["error"]) == (410, "gone", "this session has ended: it was deleted")
    assert session.cell("1").status == session.delete().status == session.get("x").status == 410
    instance = session.id[:8]
    elsewhere = service.request("GET", f"/sessions/{'0' * 8 if instance != '0' * 8 else '1' * 8}{session.id[8:]}")
    assert (elsewhere.status, elsewhere.outcome) == (421, "misdirected")
    assert instance in elsewhere.body["error"]
    for unknown in (f"{instance}-{'0' * 32}", "x", session.id[:-1]):
        answer = service.request("GET", f"/sessions/{unknown}")
        assert (answer.status, answer.outcome) == (404, "not_found")


def test_the_header_must_name_the_session_of_the_path(service):
    with Session(service) as session:
        assert session.send("GET", session.path, **{"Pyexec-Session": session.id}).status == 200
        assert session.send("GET", session.path, **{"Pyexec-Session": "other"}).status == 400


def test_an_idle_session_ends_and_a_used_one_does_not(start):
    service = start(pool=1, session_idle_s=100)
    used, idle = Session(service, idle_s=4), Session(service, idle_s=4)
    service.wait_until(lambda: used.result("1") == 1 and idle.show().status == 410)
    assert idle.cell("1").body["error"] == "this session has ended: nobody used it for as long as it may be idle"
    assert used.result("1") == 1
    used.delete()
    assert metric(service, 'pyexec_sessions_ended_total{reason="idle"}') == 1


def test_a_session_does_not_outlive_its_life(start):
    service = start(pool=1, session_life_s=2)
    session = Session(service)
    began = time.monotonic()
    service.wait_until(lambda: session.cell("1").status == 410)
    assert time.monotonic() - began < 20
    assert "its whole life" in session.show().body["error"]


def test_a_running_cell_is_not_idle(start):
    session = Session(start(pool=1, timeout_ms=20000), idle_s=3)
    assert session.result("import time; time.sleep(5)\n'slept'") == "slept"
    assert session.result("1") == 1


def test_sessions_take_no_worker_from_the_pool(start):
    service = start(pool=2, running=2, timeout_ms=20000)
    service.wait_full()
    sessions = [Session(service) for _ in range(4)]
    for session in sessions:
        session.result("x = 1")
    pool = service.health()["pool"]
    assert (pool["ready"], pool["running"]) == (2, 0)
    assert service.execute("def main(): return 1").body["result"] == 1
    for session in sessions:
        session.delete()


def test_at_sigterm_a_running_cell_finishes_and_then_its_session_has_ended(start):
    service = start(pool=1, drain_ms=20000, timeout_ms=20000)
    busy, idle = Session(service), Session(service)
    idle.result("1")
    answers = {}
    connection = service.connect()  # opened before: the port closes
    thread = threading.Thread(target=lambda: answers.update(
        busy=busy.cell("print('begun', flush=True)\nimport time; time.sleep(5)\n'finished'")))
    thread.start()
    service.wait_until(lambda: metric(service, "pyexec_session_cells_running") == 1)
    connection.request("GET", idle.path)
    first = connection.getresponse()
    assert (first.read(), first.status)[1] == 200
    connection.putrequest("POST", f"{idle.path}/execute")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "13")
    connection.endheaders()
    service.process.send_signal(signal.SIGTERM)
    # The head came in before the signal; the body comes once the idle session has ended: 2 states of 3, and the pool's own.
    service.wait_until(lambda: [name_of(pid) for pid in descendants_of(service.process.pid)].count("pyexec-worker") == 3)
    connection.send(b'{"code": "1"}')
    last = connection.getresponse()
    assert last.status == 410 and b"the service stops" in last.read()
    thread.join()
    assert answers["busy"].body["result"] == "finished"


def test_metrics_and_log_know_sessions(logged):
    service = logged(pool=1)
    with Session(service) as session:
        session.result("1")
        session.cell("1/0")
        assert metric(service, "pyexec_sessions") == 1
        assert metric(service, "pyexec_session_states") == 3
        assert metric(service, "pyexec_sessions_opened_total") == 1
        assert metric(service, 'pyexec_jobs_total{outcome="exception"}') == 1
    assert metric(service, "pyexec_sessions") == metric(service, "pyexec_session_states") == 0
    assert metric(service, 'pyexec_sessions_ended_total{reason="deleted"}') == 1
    paths = [entry["httpRequest"]["requestUrl"] for entry in service.logged() if "httpRequest" in entry]
    assert "/sessions" in paths and f"{session.path}/execute" in paths


def test_cells_that_overlap_do_not_lengthen_a_life(start):
    service = start(pool=1, session_life_s=4, timeout_ms=5000)
    session, began = Session(service), time.monotonic()
    session.result("import time")
    statuses = []

    def go_on():
        while time.monotonic() - began < 15:
            statuses.append(session.cell("time.sleep(0.3)", at=0).status if statuses else 200)
            if statuses[-1] == 410:
                return

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses[-1] == 410 and time.monotonic() - began < 12


def test_deleting_answers_the_cell_that_runs(start):
    service = start(pool=1, timeout_ms=20000)
    session, answers = Session(service), []
    thread = threading.Thread(target=lambda: answers.append(session.cell("import time; time.sleep(15)")))
    thread.start()
    service.wait_until(lambda: metric(service, "pyexec_session_cells_running") == 1)
    assert session.delete().status == 204
    thread.join()
    assert (answers[0].status, answers[0].body) == (410, {"error": "this session has ended: it was deleted"})
