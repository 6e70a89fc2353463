"""How jobs with tools end, and what becomes of calls that wait then."""

import json
import os
import signal

import pytest

from processes import descendants_of
from request_parts import JSON
from sessions import Session
from state import pool_of
from templates import Template
from tool_jobs import CALL, end, jobs_of, main, park, wait_for_jobs
from tools import LiveRun, drive, parked

pytestmark = pytest.mark.usefixtures("no_job_is_left")


def test_a_job_that_ends_while_it_is_parked_gives_its_outcome_to_the_next_request(service):
    script = "import os, threading\n" + main("print('seen', flush=True)\nthreading.Timer(1, os._exit, [3]).start()\nf()")
    token = park(service, script)
    service.wait_until(lambda: jobs_of(service) == (1, 0))
    answer = end(service, token)
    assert (answer.status, answer.outcome, answer.body["stdout"]) == (422, "exited", "seen\n")
    assert end(service, token).status == 410


def test_a_live_job_that_ends_while_it_is_parked_says_so(service):
    script = "import os, threading\n" + main("threading.Timer(1, os._exit, [3]).start()\nf()")
    with LiveRun(service, script=script, tools=["f"]) as live:
        token = live.next("call")["continue"]
        assert live.next("end")["outcome"] == "exited"
    assert end(service, token).status == 410


def test_a_call_of_a_thread_that_the_end_of_the_job_overtakes(service):
    """It is answered, or the job ends first: never with calls that are none."""
    script = "import threading\n" + main("threading.Thread(target=f, daemon=True).start()\nreturn 5")
    for _ in range(30):
        run = drive(service, {"f": lambda: 1}, script=script)
        assert (run.result, run.rounds in ([], [[{"id": 1, "name": "f", "args": {}}]])) == (5, True)


def test_a_thread_of_a_cell_that_calls_after_its_end(service):
    with Session(service) as session:
        run = drive(service, {"f": lambda: 1}, f"{session.path}/execute", code="import threading\nthread = threading.Thread(target=f, daemon=True); thread.start()\n5")
        assert run.result == 5
        assert session.result("6") == 6


def threads_of(pid):
    try:
        return int(next(row for row in open(f"/proc/{pid}/status") if row.startswith("Threads:")).split()[1])
    except OSError:
        return 0


def test_kill_9_of_a_worker_whose_job_is_parked(start):
    service = start(pool=1)
    service.wait_full()
    script = "import threading\n" + main("for _ in range(6): threading.Thread(target=threading.Event().wait, daemon=True).start()\nf()")
    tokens = [park(service, script), park(service)]
    victims = [pid for pid in descendants_of(service.process.pid) if threads_of(pid) == 7]
    assert len(victims) == 1
    os.kill(victims[0], signal.SIGKILL)
    wait_for_jobs(service, 2, 1)
    answer = end(service, tokens[0])
    assert (answer.status, answer.outcome) == (422, "killed")
    assert end(service, tokens[1], 1).body["result"] == 1
    wait_for_jobs(service, 0)


def test_a_client_that_leaves_while_its_job_runs_on_ends_it(bounded):
    token = park(bounded, main("f()\nimport time; time.sleep(1000)"))
    connection = bounded.connect()
    connection.request("POST", "/execute/continue", json.dumps({"continue": token, "results": [{"id": 1, "result": 1}]}), JSON)
    bounded.wait_until(lambda: pool_of(bounded)["running"] == 1)
    connection.close()
    wait_for_jobs(bounded, 0)
    bounded.wait_idle()
    assert end(bounded, token).status == 410


def test_a_client_that_leaves_before_the_first_call_ends_its_job(bounded):
    connection = bounded.connect()
    connection.request("POST", "/execute", json.dumps({"script": "import time\ndef main(): time.sleep(1000)", "tools": ["f"]}), JSON)
    wait_for_jobs(bounded, 1)
    connection.close()
    wait_for_jobs(bounded, 0)


def test_a_client_that_leaves_its_live_answer_ends_the_job(bounded):
    with LiveRun(bounded, script=CALL, tools=["f"]) as live:
        token = live.next("call")["continue"]
    wait_for_jobs(bounded, 0)
    assert end(bounded, token).status == 410


def test_a_connection_that_is_closed_after_the_calls_ends_nothing(service):
    connection = service.connect()
    answer = service.request("POST", "/execute", json.dumps({"script": CALL, "tools": ["f"]}), JSON, connection)
    connection.close()
    assert end(service, answer.body["continue"], 1).body["result"] == 1


def test_sigterm_ends_jobs_that_are_parked(start):
    service = start(pool=1, timeout_ms=20000, drain_ms=3000)
    park(service)
    with Session(service) as session:
        parked(service, f"{session.path}/execute", code="f()", tools=["f"])
        with Template(service, "def call(): return f()") as template:
            parked(service, template=template.name, call="call", tools=["f"])
            with LiveRun(service, script=CALL, tools=["f"]) as live, LiveRun(service, script=CALL, tools=["f"]) as answered:
                live.next("call")
                call = answered.next("call")
                wait_for_jobs(service, 5, 5)
                body = json.dumps({"continue": call["continue"], "results": [{"id": 1, "result": 7}]}).encode()
                connection = service.connect()
                service.request("GET", "/health", connection=connection)
                connection.putrequest("POST", "/execute/continue")  # begun before the service closes idle connections
                for name, value in {**JSON, "Content-Length": len(body)}.items():
                    connection.putheader(name, value)
                connection.endheaders()
                service.process.send_signal(signal.SIGTERM)
                connection.send(body)
                assert connection.getresponse().status == 202
                assert answered.next("result") == {"result": 7}
                last = live.next("end")
                connection.close()
            assert (last["outcome"], last["status"]) == ("internal", 500)
            assert service.stop() == 0


def test_jobs_outlast_what_they_were_made_of(start):
    """A session and a template are used while their job waits; a zygote that is replaced goes on for its last one."""
    service = start(pool=1, session_idle_s=3, template_idle_s=3, zygote_jobs=3)
    with Session(service) as session, Template(service, "def call(): return f()") as template:
        cell = parked(service, f"{session.path}/execute", code="f()", tools=["f"])["continue"]
        job = parked(service, template=template.name, call="call", tools=["f"])["continue"]
        plain = park(service)
        unused = Session(service)
        service.wait_until(lambda: unused.show().status == 410)
        for _ in range(8):
            assert service.execute("def main(): return 1").outcome == "ok"
        service.wait_until(lambda: service.health()["pool"]["zygote_starts"] >= 2)
        assert [end(service, token, n).body["result"] for n, token in enumerate((cell, job, plain))] == [0, 1, 2]


def test_a_parked_job_whose_zygote_is_lost(start):
    service = start(pool=1)
    token = park(service)
    os.kill(service.zygote_pid(), signal.SIGKILL)
    wait_for_jobs(service, 1)
    answer = end(service, token)
    assert (answer.status, answer.outcome) == (500, "internal")
    assert drive(service, {"f": lambda: 2}, script=CALL).result == 2


def test_a_parked_cell_ends_with_its_session(service):
    with Session(service) as session:
        token = parked(service, f"{session.path}/execute", code="f()", tools=["f"])["continue"]
        assert session.delete().status == 204
        wait_for_jobs(service, 1)
        answer = end(service, token)
        assert (answer.status, answer.outcome) in ((410, "gone"), (500, "internal"))


def test_a_template_that_is_deleted_ends_no_parked_job(service):
    with Template(service, "def call(): return f()") as template:
        token = parked(service, template=template.name, call="call", tools=["f"])["continue"]
    assert end(service, token, 1).body["result"] == 1
