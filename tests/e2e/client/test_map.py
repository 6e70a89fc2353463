"""map: a function over many items, by the batch endpoint."""

import collections
import itertools
import json
import re
import select
import socket
import threading
import time

import pyexec
import pytest
from batch_stub import Stub


def square(n):
    return n * n


def client_of(stub):
    return pyexec.Client(stub.url)


class Defaulted:
    """A request that begins with defaults, which do not count."""

    def __init__(self, request, lines):
        self.request, self.rest = request, lines

    def __getattr__(self, name):
        return getattr(self.request, name)

    def jobs(self):
        index = -1
        for line in self.rest:
            if line.strip():
                index += 1
                yield index, json.loads(line)


def defaults_are_taken(behave):
    """A request of nothing but defaults asks whether they are taken: it is answered with no line."""

    def with_defaults(request, number):
        lines = request.lines()
        assert json.loads(next(lines))["defaults"] is True
        first = next(lines, None)
        if first is None:
            request.begin()
            request.end()
            return

        def all_lines():
            yield first
            yield from lines

        behave(Defaulted(request, all_lines()), number)

    return with_defaults


def test_answers_come_in_the_order_of_the_items(client):
    answers = list(client.map(square, range(300)))
    assert [one.result for one in answers] == [n * n for n in range(300)]
    assert [one.index for one in answers] == list(range(300))


def test_answers_come_as_jobs_end_if_that_is_asked_for():
    def behave(request, number):
        request.begin()
        jobs = [job for index, job in request.jobs()]
        for index in reversed(range(len(jobs))):
            request.answer(index, {}, result=index)
        request.end()

    for ordered, expected in ((False, [2, 1, 0]), (True, [0, 1, 2])):
        with Stub(defaults_are_taken(behave)) as stub:
            assert [one.index for one in client_of(stub).map(square, range(3), ordered=ordered)] == expected


def test_no_more_items_are_taken_than_the_window_allows(client):
    taken = []

    def items():
        for n in range(40):
            taken.append(n)
            yield n

    answers = client.map(square, items(), window=5)
    for yielded in range(1, 41):
        assert next(answers).result == (yielded - 1) ** 2
        # One more may have been taken from the iterable and wait for room.
        assert len(taken) <= min(yielded + 5 + 1, 40)
    assert list(answers) == []


def test_items_without_end_are_read_as_answers_are(client):
    answers = client.map(square, itertools.count(), window=20)
    assert [next(answers).result for _ in range(100)] == [n * n for n in range(100)]
    answers.close()


def test_items_may_be_several_arguments(client):
    assert [one.result for one in client.map("def main(a, b=1): return a - b", [(5, 2), {"b": 1, "a": 9}, [4]], unpack=True)] == [3, 8, 3]


def test_the_first_error_ends_the_map_and_says_which_item(client):
    answers = client.map("def main(n): return 1 // n", [2, 1, 0, 5])
    assert [next(answers).result, next(answers).result] == [0, 1]
    with pytest.raises(pyexec.ScriptError, match="ZeroDivisionError") as caught:
        next(answers)
    assert caught.value.index == 2
    with pytest.raises(StopIteration):
        next(answers)


def test_errors_are_values_if_that_is_asked_for(client):
    answers = list(client.map("def main(n): return 1 // n", [1, 0, -1], on_error="return"))
    assert [type(one) for one in answers] == [pyexec.Answer, pyexec.ScriptError, pyexec.Answer]
    assert [one.index for one in answers] == [0, 1, 2]
    with pytest.raises(ValueError, match="on_error"):
        client.map(square, [], on_error="ignore")


def test_what_jobs_share_is_sent_once(client):
    answers = client.map("def main(n): return open('a').read() * n", [1, 2], files={"a": "x"}, timeout=2.5)
    assert [one.result for one in answers] == ["x", "xx"]
    answers = client.map("def main(n): open('out', 'w').write(str(n))", [7], return_files="out")
    assert [one.files for one in answers] == [{"out": b"7"}]


def test_what_is_refused_is_raised(client):
    with pytest.raises(pyexec.InvalidRequest, match="unknown field 'nonsense'"):
        next(client.map(square, [1], nonsense=1))
    with pytest.raises(pyexec.InvalidRequest, match="timeout_ms"):
        next(client.map(square, [1], timeout=10**9))
    assert list(client.map(square, [])) == []


def test_an_error_of_the_items_is_raised(client):
    def items():
        yield 1
        raise RuntimeError("no more items")

    with pytest.raises(RuntimeError, match="no more items"):
        list(client.map(square, items()))
    with pytest.raises(TypeError, match="item 1"):
        list(client.map(square, [1, object()]))


def test_closing_the_iterator_kills_the_jobs(patient):
    begun = pyexec.Client(f"http://{patient.host}:{patient.port}").map("import time\ndef main(n):\n    if n: time.sleep(600)\n    return n", [0, 1, 2])
    assert next(begun).result == 0
    patient.wait_until(lambda: patient.health()["pool"]["running"] > 0)
    begun.close()
    patient.wait_idle()


class Cut:
    """Behaves so that job 3 has no answer when its connection breaks, job 1 is busy once, and job 4 ends as `internal`."""

    def __init__(self):
        self.sent = collections.Counter()

    def __call__(self, request, number):
        request.begin()
        for index, job in request.jobs():
            n = job["args"][0]
            self.sent[n] += 1
            if n == 1 and self.sent[n] == 1:
                request.answer(index, job, "busy", 429, error="later")
            elif n == 3 and self.sent[n] == 1:
                return  # the connection breaks
            elif n == 4 and self.sent[n] < 3:
                request.answer(index, job, "internal", 500, error="a worker was lost")
            else:
                request.answer(index, job, result=n * n)
        request.end()


def one_by_one(stub, items, **options):
    """Yields the answers. Each item is sent once the one before it is answered."""
    is_answered = threading.Semaphore()

    def given():
        for item in items:
            assert is_answered.acquire(timeout=60)
            yield item

    for answer in client_of(stub).map(square, given(), **options):
        yield answer
        is_answered.release()


def test_jobs_that_are_busy_are_sent_again_and_those_that_may_have_run_are_not():
    behave = Cut()
    with Stub(defaults_are_taken(behave)) as stub:
        answers = list(one_by_one(stub, range(6), on_error="return"))
    assert [type(one) for one in answers] == [*[pyexec.Answer] * 3, pyexec.AnswerLost, pyexec.InternalError, pyexec.Answer]
    assert [one.index for one in answers] == list(range(6))
    assert (str(answers[3]).partition(": ")[2], answers[3].was_run) == ("the connection broke: it was closed; the script may have run", None)
    assert behave.sent == {0: 1, 1: 2, 2: 1, 3: 1, 4: 1, 5: 1}


def test_all_are_sent_again_if_that_is_asked_for():
    behave = Cut()
    with Stub(defaults_are_taken(behave)) as stub:
        assert [one.result for one in client_of(stub).map(square, range(6), retry_lost=True)] == [n * n for n in range(6)]
    assert (behave.sent[1], behave.sent[3], behave.sent[4]) == (2, 2, 3)


def test_the_first_lost_answer_is_raised_and_says_which_item():
    with Stub(defaults_are_taken(Cut())) as stub:
        with pytest.raises(pyexec.AnswerLost, match="may have run") as caught:
            list(one_by_one(stub, [0, 2, 3]))
    assert caught.value.index == 2


def test_jobs_that_were_not_sent_go_on_over_a_new_connection():
    """What the service's socket does not take is not sent when the connection breaks."""
    sent = collections.Counter()

    def behave(request, number):
        request.begin()
        for index, job in request.jobs():
            sent[len(sent)] = job["args"][0][0]
            if number == 1:
                time.sleep(1)
                return
            request.answer(index, job, result=job["args"][0][0])
        request.end()

    items = [[n, "x" * (8 << 20)] for n in range(4)]
    with Stub(defaults_are_taken(behave)) as stub:
        answers = list(client_of(stub).map("def main(x): return x[0]", items, on_error="return"))
    lost = [one.index for one in answers if isinstance(one, pyexec.AnswerLost)]
    assert lost and lost == list(range(len(lost))) and len(lost) < 4
    assert [one.result for one in answers[len(lost):]] == list(range(len(lost), 4))
    assert all(n == 1 for n in collections.Counter(sent.values()).values())


def test_jobs_that_the_service_refuses_as_busy_were_not_run():
    def behave(request, number):
        jobs = request.jobs()
        if number == 1:
            next(jobs)
            return request.refuse(429, '{"error": "the service stops"}', "Pyexec-Outcome: busy\r\n")
        request.begin()
        for index, job in jobs:
            request.answer(index, job, result=job["args"][0])
        request.end()

    with Stub(defaults_are_taken(behave)) as stub:
        assert [one.result for one in client_of(stub).map(square, range(3))] == [0, 1, 2]


class Relay:
    """Hands bytes on to a service. Of its second connection, that with the first jobs, answers get lost, until it is cut."""

    def __init__(self, service):
        self.service, self.is_cut = service, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.serve)]
        self.threads[0].start()

    def serve(self):
        for number in itertools.count():
            connection, _ = self.listener.accept()
            if not connection.recv(1, socket.MSG_PEEK):
                return connection.close()  # the one that __exit__ makes
            self.threads.append(threading.Thread(target=self.join, args=(connection, number == 1)))
            self.threads[-1].start()

    def join(self, connection, is_mute):
        with connection, socket.create_connection((self.service.host, self.service.port)) as inner:
            while not (is_mute and self.is_cut.is_set()):
                for one in select.select([connection, inner], [], [], 0.05)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    if one is connection or not is_mute:
                        (inner if one is connection else connection).sendall(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        socket.create_connection(self.listener.getsockname()).close()
        for one in self.threads:
            one.join()
        self.listener.close()


def jobs_run(service):
    return int(re.search(r'(?m)^pyexec_jobs_total\{outcome="ok"\} (\d+)', service.request("GET", "/metrics").raw.decode())[1])


@pytest.mark.parametrize("retry_lost", [False, True])
def test_no_job_runs_twice_through_a_relay_that_cuts_the_connection(service, retry_lost):
    before = jobs_run(service)

    def items():
        yield from range(3)
        service.wait_until(lambda: jobs_run(service) == before + 3)
        relay.is_cut.set()
        assert is_seen.wait(60)
        yield from range(3, 6)

    is_seen = threading.Event()
    with Relay(service) as relay:
        coming = iter(client_of(relay).map(square, items(), retry_lost=retry_lost, on_error="return"))
        answers = [next(coming) for _ in range(3)]
        is_seen.set()
        answers += coming
    assert [one.result for one in answers[3:]] == [9, 16, 25]
    if retry_lost:
        assert [one.result for one in answers[:3]] == [0, 1, 4]
    else:
        assert [(type(one), one.index) for one in answers[:3]] == [(pyexec.AnswerLost, n) for n in range(3)]
    assert jobs_run(service) - before == (9 if retry_lost else 6)


def test_a_service_that_never_answers_is_given_up():
    with Stub(lambda request, number: request.refuse(503, '{"error": "no"}')) as stub:
        with pytest.raises(pyexec.GaveUp, match="HTTP 503"):
            list(client_of(stub).map(square, range(3), patience=0.3))


def test_several_maps_run_at_once(client):
    results = {}

    def work(k):
        results[k] = [one.result for one in client.map(square, range(k, k + 50))]

    threads = [threading.Thread(target=work, args=(k,)) for k in (0, 100)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert results == {k: [n * n for n in range(k, k + 50)] for k in (0, 100)}


def test_a_reader_that_takes_its_time_keeps_the_connection():
    """Blank lines are sent while nothing is read from the map."""
    blank, go_on = threading.Event(), threading.Event()

    def behave(request, number):
        request.begin()
        lines = request.rest
        for line in lines:
            if not line.strip():
                blank.set()
                break
        for index in range(2):
            request.answer(index, {}, result=index)
        for _ in lines:
            pass
        request.end()

    def items():
        yield 0
        yield 1
        go_on.wait(60)

    with Stub(defaults_are_taken(behave)) as stub:
        answers = client_of(stub).map(square, items())
        threading.Thread(target=lambda: (blank.wait(60), go_on.set())).start()
        assert [one.result for one in answers] == [0, 1]
        assert blank.is_set()
