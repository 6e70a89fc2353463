"""Messages of queues. The requests have the shape that Pub/Sub and Cloud Tasks document for theirs."""

import base64
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api_keys import line
from raw_http import start_to_sleep
from service import BUILD, Service
from state import Scrape

OK = {"script": "def main(n):\n    print('seen')\n    return n * n", "args": [7]}
PUBSUB = {
    "Content-Type": "application/json", "User-Agent": "CloudPubSub-Google", "Accept": "application/json",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
SUBSCRIPTION = "projects/my-project/subscriptions/jobs"


def wrapped(job, message_id="2070443601311540", **message):
    data = base64.b64encode(json.dumps(job).encode()).decode()
    return json.dumps({
        "deliveryAttempt": 1,
        "message": {
            "attributes": {"origin": "a-test"}, "data": data, "messageId": message_id, "message_id": message_id,
            "orderingKey": "some-key", "publishTime": "2026-02-26T19:13:55.749Z", "publish_time": "2026-02-26T19:13:55.749Z",
            **message,
        },
        "subscription": SUBSCRIPTION,
    })


def push(service, body):
    return service.request("POST", "/queue/pubsub", body, PUBSUB)


def unwrapped(service, job, message_id="1"):
    headers = {
        "User-Agent": "CloudPubSub-Google", "x-goog-pubsub-message-id": message_id,
        "x-goog-pubsub-subscription-name": SUBSCRIPTION, "x-goog-pubsub-publish-time": "2026-02-26T19:13:55.749Z",
    }
    return service.request("POST", "/queue/pubsub", json.dumps(job), headers)


def task(service, job, name="8012345678901234567", retries=0):
    headers = {
        "Content-Type": "application/octet-stream", "User-Agent": "Google-Cloud-Tasks", "X-CloudTasks-QueueName": "jobs",
        "X-CloudTasks-TaskName": name, "X-CloudTasks-TaskRetryCount": str(retries),
        "X-CloudTasks-TaskExecutionCount": str(retries), "X-CloudTasks-TaskETA": "1772134435.749",
    }
    return service.request("POST", "/queue/tasks", json.dumps(job), headers)


DELIVER = {
    "wrapped": lambda service, job, name: push(service, wrapped(job, name)),
    "unwrapped": unwrapped,
    "task": task,
}
each_way = pytest.mark.parametrize("way", DELIVER)


@each_way
def test_a_message_is_run_and_taken_out_of_its_queue(service, way):
    answer = DELIVER[way](service, OK, f"run-{way}")
    assert answer.status == 200 and answer.outcome is None
    assert answer.body == {
        "message_id": f"run-{way}", "duplicate": False, "outcome": "ok", "status": 200, "result": 49, "stdout": "seen\n",
    }


@each_way
@pytest.mark.parametrize(
    "script, outcome",
    [
        ("def main(): return 1 / 0", "exception"), ("def main(:", "invalid_script"), ("def main(n): pass", "invalid_arguments"),
        ("def main():\n    while True: pass", "time_limit"), ("import os\ndef main(): os.abort()", "killed"),
    ],
)
def test_a_failure_that_would_come_again_is_taken_out_too(service, way, script, outcome):
    limit = {"timeout_ms": 500} if outcome == "time_limit" else {}
    answer = DELIVER[way](service, {"script": script, "args": [], **limit}, f"fail-{outcome}-{way}")
    assert (answer.status, answer.body["outcome"]) == (200, outcome)
    assert answer.body["status"] in (400, 422) and answer.body["error"]


@each_way
def test_a_message_whose_template_is_not_here_is_delivered_again(service, way):
    job = {"template": "sha256:" + "0" * 64, "code": "1"}
    for _ in range(2):
        answer = DELIVER[way](service, job, "needs-a-template-" + way)
        assert (answer.status, answer.outcome) == (412, "unknown_template")


@each_way
def test_a_second_delivery_is_not_run(service, way):
    before = Scrape(service)
    first, second = (DELIVER[way](service, OK, f"twice-{way}") for _ in range(2))
    assert first.body["duplicate"] is False
    assert (second.status, second.body) == (200, {"message_id": f"twice-{way}", "duplicate": True, "outcome": "ok", "status": 200})
    after = Scrape(service)
    source = "cloud_tasks" if way == "task" else "pubsub"
    name = "pyexec_queue_messages_total"
    grew = {key[1:]: after[key] - before[key] for key in after.samples if key[0] == name and after[key] != before[key]}
    assert sorted(map(sorted, grew)) == sorted(map(sorted, [("run", source), ("duplicate", source)]))
    jobs = [scrape["pyexec_jobs_total", "ok"] for scrape in (before, after)]
    assert jobs[1] - jobs[0] == 1


def test_another_job_under_the_same_name_is_run(service):
    assert task(service, OK, "same").body["duplicate"] is False
    assert task(service, OK | {"args": [8]}, "same").body["result"] == 64
    assert push(service, wrapped(OK, "same")).body["duplicate"] is False


def test_one_in_work_is_delivered_again_later(start):
    service = start(pool=2, running=2)
    slow = {"script": "import time\ndef main():\n    time.sleep(3)\n    return 'slept'"}
    with ThreadPoolExecutor(1) as other:
        first = other.submit(task, service, slow)
        service.wait_until(lambda: service.health()["pool"]["running"] == 1)
        again = task(service, slow, retries=1)
        assert (again.status, again.outcome) == (429, "busy") and again.headers["Retry-After"]
        assert first.result().body["result"] == "slept"
    assert task(service, slow, retries=2).body["duplicate"] is True


@each_way
def test_a_full_service_has_messages_delivered_again(start, way):
    service = start(pool=1, running=1, max_queued=0)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(service.execute, "import time\ndef main(): time.sleep(3)")
        service.wait_until(lambda: service.health()["pool"]["running"] == 1)
        answer = DELIVER[way](service, OK, "later")
        assert (answer.status, answer.outcome) == (429, "busy") and answer.headers["Retry-After"]
        assert put_back(service) == 1
        running.result()
    assert DELIVER[way](service, OK, "later").body["duplicate"] is False


def put_back(service):
    return sum(value for key, value in Scrape(service).samples.items() if key[0] == "pyexec_queue_messages_total" and "put_back" in key)


def test_one_that_waited_for_most_of_its_time_is_put_back(start):
    """It would have ended well: what it had not is time."""
    service = start(pool=1, running=1, timeout_ms=60_000)
    occupant = start_to_sleep(service)
    job = {"script": "import time\ndef main():\n    time.sleep(6.5)\n    return 'slept'", "timeout_ms": 10_000}
    with ThreadPoolExecutor(1) as other:
        late = other.submit(task, service, job)
        service.wait_until(lambda: service.health()["pool"]["waiting"] == 1)
        time.sleep(5)
        occupant.close()
        assert (late.result().status, late.result().outcome) == (429, "busy")
        assert late.result().body["error"] == "a worker became free too late for the job's time; try again later"
    assert put_back(service) == 1
    answer = task(service, job, retries=1)
    assert (answer.status, answer.body["result"], answer.body["duplicate"]) == (200, "slept", False)


def test_one_that_comes_to_no_end_is_put_back(start):
    service = start(pool=1, drain_ms=100)
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(task, service, {"script": "import time\ndef main(): time.sleep(60)"})
        service.wait_until(lambda: service.health()["pool"]["running"] == 1)
        service.process.send_signal(signal.SIGTERM)
        assert slow.result().status == 500


def test_what_is_no_job_is_refused_and_may_go_to_a_dead_letter_topic(service):
    for body, problem in [
        (wrapped({"script": "", "scrip": ""}), "'scrip'"), (wrapped({}), "script"), (wrapped(OK, data="%%%"), "'data' of the Pub/Sub message"),
        (wrapped(OK, data=""), "'data' of the Pub/Sub message"), (wrapped(OK, ""), "'messageId'"),
        (wrapped(OK, data=base64.b64encode(b"\xff").decode()), "JSON"),
        (json.dumps({"message": {"data": ""}}), "a push of Pub/Sub"), (json.dumps({"message": 1, "subscription": "x"}), "a push of Pub/Sub"),
        (json.dumps(OK), "a push of Pub/Sub"),
    ]:
        answer = push(service, body)
        assert (answer.status, answer.outcome) == (400, "invalid_request") and problem in answer.body["error"], answer


def test_a_task_has_a_name(service):
    answer = service.request("POST", "/queue/tasks", json.dumps(OK), {"Content-Type": "application/json"})
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert "X-CloudTasks-TaskName" in answer.body["error"] and "POST /execute" in answer.body["error"]


def test_a_message_that_is_sent_to_execute_is_told_where_to_go(service):
    """Run as a plain job it would be run again for each answer that is not 2xx."""
    before = Scrape(service)["pyexec_jobs_total", "ok"]
    headers = {"Content-Type": "application/json"}
    for body, extra, path in [
        (wrapped(OK), {}, "/queue/pubsub"), (wrapped(OK, "", data="%%%"), {}, "/queue/pubsub"), (json.dumps(OK), {"x-goog-pubsub-message-id": "1"}, "/queue/pubsub"),
        (json.dumps(OK), {"X-CloudTasks-TaskName": "1"}, "/queue/tasks"),
    ]:
        answer = service.request("POST", "/execute", body, headers | extra)
        assert (answer.status, answer.outcome) == (400, "invalid_request") and f"POST {path}" in answer.body["error"], answer
    assert Scrape(service)["pyexec_jobs_total", "ok"] == before
    assert service.request("POST", "/execute", json.dumps(OK), headers).status == 200


def test_names_are_bounded(service):
    for answer in (push(service, wrapped(OK, "1" * 1025)), task(service, OK, "t" * 1025), unwrapped(service, OK, "u" * 1025)):
        assert (answer.status, answer.outcome) == (400, "invalid_request") and "too long" in answer.body["error"]
    assert task(service, OK, "t" * 1024).status == 200


def test_the_delivery_of_one_key_is_not_that_of_another(start, keys):  # noqa: F811
    keys.write_text(line("alice", "a") + line("bob", "b"))
    service = start(pool=1, keys_file=keys)
    headers = {"Content-Type": "application/json", "X-CloudTasks-QueueName": "jobs", "X-CloudTasks-TaskName": "nightly"}
    answers = [
        service.request("POST", "/queue/tasks", json.dumps(OK), headers | {"Authorization": f"Bearer {key}"}) for key in "aabb"
    ]
    assert [answer.body["duplicate"] for answer in answers] == [False, True, False, True]


def test_a_result_is_in_the_log_whatever_else_comes(start):
    """Nobody reads at first, so lines of requests are dropped; those of results are not."""
    service = start(pool=1, log="json", push_results="log")
    connection = service.connect()
    for number in range(12_000):
        connection.request("GET", "/nowhere")
        connection.getresponse().read()
        if number == 6_000:
            assert push(service, wrapped({"script": "def main(): return 'precious'"})).status == 200
    connection.close()
    assert Scrape(service)["pyexec_log_lines_dropped_total",] > 0
    with ThreadPoolExecutor(1) as reader:
        lines = reader.submit(service.process.stdout.read)
        service.process.send_signal(signal.SIGTERM)
        assert '"result": "precious"' in lines.result(60)


def test_results_that_cannot_be_written_are_not_taken_for_delivered():
    """The device is full. One result may be lost before that is known."""
    command = ["sh", "-c", 'exec "$0" 2>/dev/full', BUILD / "pyexec-server"]
    with Service(command=command, pool=1, push_results="log") as service:
        task(service, OK, "the first")
        service.wait_until(lambda: Scrape(service)["pyexec_log_lines_dropped_total",] > 0)
        for name in ("second", "third"):
            answer = task(service, OK, name)
            assert (answer.status, answer.outcome) == (429, "busy") and "the log" in answer.body["error"]
        assert Scrape(service)["pyexec_refusals_total", "log_full"] == 2


def test_as_many_messages_as_are_accepted_find_room_in_an_idle_log(start):
    service = start(pool=1, running=1, max_queued=400, timeout_ms=60_000, push_results="log")
    clients = [start_to_sleep(service)]
    body = wrapped({"script": "def main(): pass"})
    for number in range(350):
        data = body.replace("2070443601311540", str(number)).encode()
        clients.append(socket.create_connection((service.host, service.port)))
        clients[-1].sendall(b"POST /queue/pubsub HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))
    service.wait_until(lambda: service.health()["pool"]["waiting"] == 350)
    for client in clients:
        client.close()


def test_a_message_is_not_told_live(service):
    answer = service.request("POST", "/queue/pubsub", wrapped(OK, "live"), PUBSUB | {"Accept": "text/event-stream"})
    assert answer.headers["Content-Type"] == "application/json" and answer.body["result"] == 49


def test_results_go_to_the_log_if_they_should(logged):  # noqa: F811
    service = logged(pool=1, push_results="log")
    forged = {"script": "def main():\n    print('\\n{\"severity\": \"EMERGENCY\"}')\n    return {'severity': 'ALERT'}"}
    push(service, wrapped(forged, "m1"))
    push(service, wrapped(forged, "m1"))
    task(service, {"script": "def main(): return 'x' * 300_000"}, "m2")
    service.post(OK)
    result, line, again, large, *rest = service.logged()
    assert (result["severity"], result["queue"], result["message_id"]) == ("INFO", SUBSCRIPTION, "m1")
    assert result["answer"]["result"] == {"severity": "ALERT"} and result["answer"]["stdout"] == '\n{"severity": "EMERGENCY"}\n'
    assert (line["message_id"], line["outcome"], line["httpRequest"]["status"]) == ("m1", "ok", 200)
    assert again["message_id"] == "m1" and "outcome" not in again
    assert "answer" not in large and large["answer_is_too_large_bytes"] > 300_000
    assert [entry.get("message_id") for entry in rest] == ["m2", None]


def test_without_that_they_do_not(logged):  # noqa: F811
    service = logged(pool=1)
    push(service, wrapped({"script": "def main(): return 'xyzzy'"}))
    (line,) = service.logged()
    assert line["message_id"] == "2070443601311540" and "xyzzy" not in "".join(service.lines)
