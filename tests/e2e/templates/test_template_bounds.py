"""How many templates there may be, whose they are, how they end, and what happens if a process of theirs is lost."""

import concurrent.futures
import contextlib
import json
import os
import signal
import socket

import pytest

from api_keys import KEY, line
from processes import descendants_of, is_alive, name_of
from service import BUILD
from templates import Template, metric, send

ONE, TWO = ({"Authorization": f"Bearer {key}"} for key in (KEY, "k3y-two"))


def workers_of(service):
    return {pid for pid in descendants_of(service.process.pid) if name_of(pid).startswith("pyexec-worker")}


@pytest.fixture
def with_keys(start, keys):
    keys.write_text(line("one", KEY) + line("two", "k3y-two"))
    return start(pool=1, keys_file=keys, templates_per_key=2)


def test_another_key_does_not_find_it(with_keys):
    with Template(with_keys, "x = 'secret'", ONE) as template:
        request = {"template": template.name, "code": "x"}
        answer = send(with_keys, "POST", "/execute", request, **TWO)
        assert (answer.status, answer.outcome) == (412, "unknown_template")
        assert send(with_keys, "POST", "/sessions", {"template": template.name}, **TWO).status == 412
        assert send(with_keys, "GET", "/templates", **TWO).body == {"templates": []}
        assert send(with_keys, "DELETE", f"/templates/{template.name}", **TWO).status == 404
        assert send(with_keys, "PUT", "/templates", {"code": "x"}).status == 401
        with Template(with_keys, "x = 'secret'", TWO) as other:
            assert (other.made.status, other.name) == (201, template.name)
            other.result("open('left', 'w').write('x')")
            assert template.result("import os; os.listdir()") == []
        assert template.result("x") == "secret"


def test_of_a_key_the_least_lately_used_goes_first(with_keys):
    first, second = Template(with_keys, "x = 1", ONE), Template(with_keys, "x = 2", ONE)
    other = Template(with_keys, "x = 'other'", TWO)
    assert first.result("x") == 1
    third = Template(with_keys, "x = 3", ONE)
    assert second.code("x").status == 412
    assert [first.result("x"), third.result("x"), other.result("x")] == [1, 3, "other"]
    assert metric(with_keys, 'pyexec_templates_ended_total{reason="room"}') == 1
    for one in (first, third, other):
        one.delete()


def test_of_the_service_the_least_lately_used_goes_first(start):
    service = start(pool=1, templates=2)
    made = [Template(service, f"x = {n}") for n in range(4)]
    assert [one.code("x").status for one in made] == [412, 412, 200, 200]


def test_one_that_runs_a_job_does_not_go(start):
    service = start(pool=1, templates=1, timeout_ms=20000)
    template = Template(service, "import time\nx = 1")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(template.code, "print(1, flush=True); time.sleep(4); x")
        service.wait_until(lambda: template.shown()["running"] == 1)
        refused = send(service, "PUT", "/templates", {"code": "y = 1"})
        assert (refused.status, refused.outcome) == (429, "busy")
        assert refused.body["error"] == "all templates that there may be are in use; try again later"
        assert running.result().body["result"] == 1
    assert metric(service, 'pyexec_refusals_total{reason="template_limit"}') == 1


def test_the_same_set_up_sent_at_once_runs_once(start):
    service = start(pool=1, timeout_ms=20000)
    body = {"code": "import time; time.sleep(0.5)"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(service, "PUT", "/templates", body), range(8)))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert metric(service, "pyexec_template_setups_total") == 1
    assert metric(service, "pyexec_template_jails") == 1


def test_one_that_is_deleted_tells_who_waits_for_it(start):
    service = start(pool=1, template_jails=1, timeout_ms=20000)
    template = Template(service, "import time")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        running = pool.submit(template.code, "time.sleep(6); 1")
        service.wait_until(lambda: template.shown()["running"] == 1)
        waiting = [pool.submit(template.code, "2"), pool.submit(send, service, "POST", "/sessions", {"template": template.name})]
        service.wait_until(lambda: template.shown()["running"] == 3)
        template.delete()
        assert [one.result().outcome for one in waiting] == ["unknown_template"] * 2
        assert running.result().body["result"] == 1


def test_its_memory_bounds_its_jobs_and_sessions(start):
    service = start(pool=1)
    with Template(service, "k = 1", memory_mb=200) as template:
        for own in ({}, {"memory_mb": 500}):
            answer = template.code("b = bytearray(300 << 20)", verbose=True, **own)
            assert (answer.outcome, answer.body["error"]) == ("memory_limit", "memory limit exceeded: 200 MiB (memory_mb)")
            assert answer.body["limits"]["memory_mb"] == 200
        answer = template.code("b = bytearray(100 << 20)", memory_mb=50)
        assert answer.body["error"] == "memory limit exceeded: 50 MiB (memory_mb)"
        opened = send(service, "POST", "/sessions", {"template": template.name, "memory_mb": 500, "code": "len(bytearray(100 << 20))"})
        assert opened.status == 201
        assert template.result("len(bytearray(100 << 20))") == 100 << 20


def test_jails_of_one_template_stay_within_the_memory_of_all(start):
    service = start(pool=1, template_memory_mb=100, template_jails=4, timeout_ms=20000)
    with Template(service, "import numpy as np, time\nx = np.ones(60 << 17)") as template, concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert [one.status for one in pool.map(lambda _: template.code("time.sleep(0.3)"), range(4))] == [200] * 4
        assert template.shown()["jails"] == 1


def test_no_templates_at_all(start):
    answer = send(start(pool=1, templates=0), "PUT", "/templates", {"code": "1"})
    assert (answer.status, answer.body["error"]) == (429, "this service keeps no templates: PYEXEC_TEMPLATES is 0")


def test_the_memory_of_all(start):
    service = start(pool=1, template_memory_mb=100)
    large = "import numpy as np\nx = np.ones(60 << 17)"  # 60 MiB
    first = Template(service, large)
    assert first.shown()["memory_bytes"] > 60 << 20
    second = Template(service, large + "\n")
    assert first.code("1").status == 412
    assert second.result("len(x)") == 60 << 17
    refused = send(service, "PUT", "/templates", {"code": "import numpy as np\nx = np.ones(110 << 17)"})
    assert (refused.status, refused.outcome) == (422, "memory_limit")
    assert "MiB (PYEXEC_TEMPLATE_MEMORY_MB)" in refused.body["error"]
    assert second.result("len(x)") == 60 << 17


def test_one_that_nobody_uses_ends_and_leaves_nothing(start):
    service = start(pool=1, template_idle_s=3)
    service.wait_full()
    before = len(workers_of(service))
    template = Template(service, "x = 1")
    assert template.result("x") == 1
    service.wait_until(lambda: template.shown() is None)
    assert template.code("x").status == 412
    assert metric(service, 'pyexec_templates_ended_total{reason="idle"}') == 1
    service.wait_until(lambda: len(workers_of(service)) == before)


def test_jobs_at_the_same_time_have_jails_of_their_own(start):
    service = start(pool=1, template_jails=3, running=8, timeout_ms=20000)
    with Template(service, "import time\nx = 0") as template, concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: template.result(f"x += {n}; time.sleep(0.3); x"), range(6)))
        assert answers == list(range(6))
        service.wait_until(lambda: template.shown()["jails"] >= 2)
        assert template.shown()["jails"] <= 3


def test_no_jail_in_time_is_busy(start):
    service = start(pool=1, template_jails=1, timeout_ms=20000)
    with Template(service, "import time", timeout_ms=2000) as template, concurrent.futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(template.code, "time.sleep(8)")
        service.wait_until(lambda: template.shown()["running"] == 1)
        answer = template.code("1", timeout_ms=300)
        assert (answer.status, answer.outcome) == (429, "busy")
        assert long.result().status == 200
        assert template.result("1") == 1


@pytest.mark.parametrize("pid_in_jail", [1, 2, 3])
def test_kill_9_of_an_idle_process_costs_no_job(start, pid_in_jail):
    service = start(pool=1)
    service.wait_full()
    with Template(service, "x = 1") as template:
        victims = [pid for pid in descendants_of(service.process.pid) if in_jail_of(pid, template) and numbers_of(pid)[-1] >= pid_in_jail]
        victim = min(victims, key=lambda pid: numbers_of(pid)[-1])
        os.kill(victim, signal.SIGKILL)
        service.wait_until(lambda: not is_alive(victim))
        for _ in range(3):
            answer = template.code("x")
            assert answer.status in (200, 500), answer
        assert answer.status == 200


def numbers_of(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return [int(n) for n in next(row for row in status if row.startswith("NSpid:")).split()[1:]]
    except OSError:
        return [0]


def in_jail_of(pid, template):
    """Of the only template of its service: the pid namespace in which there are at least three processes."""
    try:
        own = os.readlink(f"/proc/{pid}/ns/pid")
        others = [one for one in descendants_of(template.service.process.pid) if os.readlink(f"/proc/{one}/ns/pid") == own]
    except OSError:
        return False
    return len(numbers_of(pid)) > len(numbers_of(template.service.process.pid)) and len(others) >= 3


def test_kill_9_while_a_job_runs_is_one_honest_answer(start):
    service = start(pool=1, timeout_ms=20000)
    service.wait_full()
    with Template(service, "import time\nx = 1") as template:
        connection = service.connect()
        body = {"template": template.name, "code": "print('runs', flush=True); time.sleep(15)"}
        connection.request("POST", "/execute", json.dumps(body), {"Content-Type": "application/json", "Accept": "application/x-ndjson"})
        events = connection.getresponse()
        assert json.loads(events.readline()) == {"event": "stdout", "text": "runs\n"}
        first = next(pid for pid in descendants_of(service.process.pid) if numbers_of(pid)[-1] == 2 and in_jail_of(pid, template))
        os.kill(first, signal.SIGKILL)
        error, end = (event for event in map(json.loads, events.read().splitlines()) if event["event"] != "ping")
        assert (end["status"], end["outcome"]) == (500, "internal")
        assert error["error"].startswith("the process of the template was lost: ")
        assert template.result("x") == 1


def test_a_client_that_leaves_ends_its_job(start):
    service = start(pool=1, template_jails=1, timeout_ms=20000)
    with Template(service, "import time\nx = 1") as template:
        connection = service.connect()
        body = f'{{"template": "{template.name}", "code": "time.sleep(15)"}}'
        connection.request("POST", "/execute", body, {"Content-Type": "application/json"})
        service.wait_until(lambda: template.shown()["running"] == 1)
        connection.close()
        service.wait_until(lambda: template.shown()["running"] == 0)
        assert template.result("x") == 1


def test_at_sigterm_a_job_ends_in_its_time(start):
    service = start(pool=1, timeout_ms=20000, drain_ms=20000)
    template = Template(service, "import time\nx = 1")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(template.code, "time.sleep(4); x")
        service.wait_until(lambda: template.shown()["running"] == 1)
        service.process.send_signal(signal.SIGTERM)
        assert running.result().body["result"] == 1
    assert service.stop() == 0


def test_denied_imports(start):
    service = start(pool=1, deny_imports="socket")
    assert send(service, "PUT", "/templates", {"code": "import socket"}).outcome == "invalid_script"
    with Template(service, "x = 1") as template:
        assert template.code("import socket").outcome == "invalid_script"
        assert template.result("x") == 1


def test_connections_leave_descriptors_for_all_jails_of_templates(start, keys):
    """Where there are few. A message whose descriptors did not fit would end the zygote, and with it all jobs."""
    keys.write_text(line("one", KEY))
    command = ["prlimit", "--nofile=300:300", BUILD / "pyexec-server"]
    few = {"parked": 0, "sessions": 0, "templates": 4, "template_jails": 4}
    service = start(command=command, pool=1, running=4, keys_file=keys, timeout_ms=20000, **few)
    zygote = service.zygote_pid()

    def send_on(client, method, path, body=None):
        headers = {"Content-Type": "application/json", **ONE}
        return service.request(method, path, None if body is None else json.dumps(body), headers, client)

    clients = [service.connect() for _ in range(4)]
    for client in clients:  # those that have shown a key outstay the others
        assert send_on(client, "GET", "/templates").status == 200
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection((service.host, service.port), 30))
        for number in range(4):
            made = send_on(clients[0], "PUT", "/templates", {"code": f"import time\nx = {number}"})
            assert made.status == 201, made
            job = {"template": made.body["template"], "code": "time.sleep(0.3); x"}
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda client: send_on(client, "POST", "/execute", job), clients))
            assert [answer.body["result"] for answer in answers] == [number] * 4
    assert service.zygote_pid() == zygote
    for client in clients:
        client.close()
