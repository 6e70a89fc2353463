"""map: a function over many items, by the batch endpoint."""

import collections
import itertools
import json
import threading

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


def test_jobs_that_are_busy_are_sent_again_and_those_without_an_answer_too():
    sent = collections.Counter()

    def behave(request, number):
        request.begin()
        for index, job in request.jobs():
            n = job["args"][0]
            sent[n] += 1
            if n == 1 and sent[n] == 1:
                request.answer(index, job, "busy", 429, error="later")
            elif n == 3 and sent[n] == 1:
                return  # the connection breaks
            else:
                request.answer(index, job, result=n * n)
        request.end()

    with Stub(defaults_are_taken(behave)) as stub:
        results = [one.result for one in client_of(stub).map(square, range(6))]
    assert results == [n * n for n in range(6)]
    assert sent[1] == 2 and sent[3] == 2


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
