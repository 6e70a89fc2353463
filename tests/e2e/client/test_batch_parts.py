"""What a batch is made of, each by itself: lines, ids, answers, the ledger, patience, progress. Starts no service."""

import collections
import os
import random

import pyexec
import pytest

# Lines ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(1, 25))
def test_lines_are_the_same_whatever_the_pieces_they_come_in(size, tmp_path):
    text = b"one\n\n three \r\nfour\nrest"
    (tmp_path / "jobs").write_bytes(text)
    source = pyexec._Input(str(tmp_path / "jobs"))
    pieces = [text[at:at + size] for at in range(0, len(text), size)] + [b""]
    lines = source._pieces(lambda: pieces.pop(0))
    assert list(lines) == [(1, b"one"), (2, b""), (3, b" three \r"), (4, b"four"), (5, b"rest")]
    os.close(source.fd)


def test_a_line_with_defaults_says_so_in_its_outermost_object():
    for line in (b'{"script": "x", "defaults": true}', b' {"args": [{"defaults": 1}], "def\\u0061ults":true} '):
        assert pyexec._is_defaults_line(line)
    for line in (b'{"defaults": false}', b'{"defaults": "true"}', b'{"defaults": 1}', b'{"args": {"defaults": true}}', b'[{"defaults": true}]',
                 b"true", b"", b'{"defaults": true', b'{"defaults": true} x'):
        assert not pyexec._is_defaults_line(line)


def test_ids_are_the_same_if_the_service_takes_them_for_the_same():
    same = pyexec._id_of_line
    assert same(b'{"id": "a"}') == same(b'{"x": [1], "id":"\\u0061"}') is not None
    assert same(b'{"id": 1}') == same(b'{"id":1 }') != same(b'{"id": "1"}')
    assert same(b'{"id": 1}') == same(b'{"id": 1.0}') == same(b'{"id": 10e-1}') and same(b'{"id": -0.0}') == same(b'{"id": 0}')
    assert same(b'{"id": ""}') is not None
    assert same(b'{"id": 123456789012345678901234567890}') == "123456789012345678901234567890"
    assert same(b'{"args": [' + b"9" * 5000 + b'], "id": 7}') == "7"


def test_what_the_service_would_not_take_is_no_id():
    for line in (b'{"id": null}', b'{"id": 1.5}', b'{"id": 1e-3}', b'{"id": 1e999999999}', b'{"id": ["a"]}', b'{"id": true}', b'{"args": {"id": 1}}', b"{}", b"nonsense",
                 b'{"id": "' + b"x" * 257 + b'"}', b'{"id": ' + b"9" * 400 + b"}"):
        assert pyexec._id_of_line(line) is None
    assert pyexec._id_of_line(b'{"id": "' + b"x" * 256 + b'"}') is not None


# Answers --------------------------------------------------------------------------------------------------------------


def test_an_answer_keeps_every_byte_but_its_index(tmp_path):
    line = b'{"index": 12, "id": "\\u00e9", "result": {"index": 7, "x": [1.0, 1E5, ' + b"9" * 10_000 + b']}, "outcome": "ok" }'
    answer = pyexec._read_answer_line(line)
    assert (answer.place, answer.outcome) == (12, "ok")
    (tmp_path / "jobs").touch()
    source = pyexec._Input(str(tmp_path / "jobs"))
    output = pyexec._Output(str(tmp_path / "answers"), source, False)
    output.take(3000, line, answer, 0)
    output.flush()
    assert (tmp_path / "answers").read_bytes() == line.replace(b"12", b"3000", 1) + b"\n"
    for fd in (source.fd, output.fd):
        os.close(fd)


@pytest.mark.parametrize(
    "line",
    [b"", b"x", b"[]", b"{}", b'{"index": 1}', b'{"outcome": "ok"}', b'{"index": "1", "outcome": "ok"}', b'{"index": -1, "outcome": "ok"}',
     b'{"index": 1.0, "outcome": "ok"}', b'{"index": 1, "outcome": 2}', b'{"index": 99999999999999999999999, "outcome": "ok"}',
     b'{"index": 1, "outcome": "ok"', b'{"index": 1, "outcome": "ok"}}'],
)
def test_what_is_no_answer_is_not_taken_for_one(line):
    with pytest.raises(ValueError):
        pyexec._read_answer_line(line)


def test_a_line_of_progress_is_told_from_an_answer():
    assert pyexec._read_answer_line(b'{"progress": {"read": 1}}') is None


def test_an_error_is_told_in_the_services_words_and_anothers_in_its_own():
    assert pyexec._shown_error(b'{"error": "no\\nsuch path"}') == "no\nsuch path"
    assert pyexec._shown_error(b"<html>\n<body>") == "<html>"
    assert len(pyexec._shown_error(b"x" * 1000)) == 200
    assert pyexec._shown_error(b"") == ""


# The ledger -----------------------------------------------------------------------------------------------------------


def ledger_with(jobs, window=3):
    ledger = pyexec._Ledger(window, ["busy", "rate_limited"])
    for place in range(jobs):
        ledger.add(place, b"job %d" % place)
    return ledger


def take_all(ledger):
    return list(iter(ledger.take_next, None))


def test_lines_go_out_in_their_order_each_once():
    ledger = ledger_with(3)
    assert take_all(ledger) == [b"job 0", b"job 1", b"job 2"]
    assert not ledger.waiting and len(ledger.jobs) == 3


def test_an_answer_names_the_place_of_its_job_in_the_whole_input():
    ledger = ledger_with(0)
    ledger.add(70, b"a")
    ledger.add(80, b"b")
    take_all(ledger)
    assert ledger.settle(1, "exception") == (80, True)
    assert ledger.settle(0, "ok") == (70, True)
    assert (ledger.jobs, ledger.bytes) == ({}, 0)


def test_a_job_is_answered_once_on_a_connection():
    ledger = ledger_with(2)
    ledger.take_next()
    assert ledger.settle(1, "ok") == (None, False)  # not sent
    assert ledger.settle(0, "ok") == (0, True)
    assert ledger.settle(0, "ok") == ledger.settle(99, "ok") == (None, False)


def test_a_new_connection_gets_what_has_no_answer_and_counts_anew():
    ledger = ledger_with(3)
    take_all(ledger)
    ledger.settle(1, "ok")
    ledger.restart()
    assert not ledger.out and take_all(ledger) == [b"job 0", b"job 2"]
    assert (ledger.settle(1, "ok"), ledger.settle(0, "ok")) == ((2, True), (0, True))


def test_a_new_connection_does_not_get_what_was_sent_and_is_given_up():
    ledger = ledger_with(4, 4)
    for _ in range(3):
        ledger.take_next()
    ledger.settle(1, "busy")
    assert ledger.restart(given_up=2) == [0]
    assert take_all(ledger) == [b"job 1", b"job 2", b"job 3"] and ledger.bytes == 3 * len(b"job 1")


@pytest.mark.parametrize("outcome", ["busy", "rate_limited"])
def test_jobs_that_found_no_place_are_sent_again_however_often(outcome):
    ledger = ledger_with(1)
    for index in range(50):
        assert ledger.take_next() == b"job 0"
        assert ledger.settle(index, outcome) == (0, False)
    ledger.take_next()
    assert ledger.settle(50, "ok") == (0, True)


def test_a_job_that_the_service_loses_is_sent_again_three_times_then_reported():
    ledger = ledger_with(1)
    for _ in range(3):
        ledger.take_next()
        assert ledger.settle(0, "internal") == (0, False)
        ledger.restart()  # the tries are the job's, not the connection's
    ledger.take_next()
    assert ledger.settle(0, "internal") == (0, True)


@pytest.mark.parametrize("outcome", ["ok", "invalid_request", "invalid_script", "time_limit", "killed", "one that is not known yet"])
def test_every_other_outcome_is_final(outcome):
    ledger = ledger_with(1)
    ledger.take_next()
    assert ledger.settle(0, outcome) == (0, True)


def test_there_is_room_for_so_many_jobs_and_bytes_answered_or_not_yet_sent():
    ledger = ledger_with(2)
    left = pyexec._WINDOW_BYTES - ledger.bytes
    assert ledger.has_room(left, 0) and not ledger.has_room(left + 1, 0)
    assert not ledger.has_room(0, 1)  # one that is held elsewhere counts
    ledger.add(2, b"x")
    assert not ledger.has_room(0, 0)
    take_all(ledger)
    ledger.settle(0, "busy")
    assert not ledger.has_room(0, 0)
    ledger.settle(1, "ok")
    assert ledger.has_room(0, 0)


def test_a_single_job_may_be_larger_than_all_together():
    assert ledger_with(0).has_room(pyexec._WINDOW_BYTES * 2, 0)
    assert not ledger_with(1).has_room(pyexec._WINDOW_BYTES * 2, 0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_each_job_is_reported_exactly_once(seed):
    dice, ledger, reported, out, place, sent = random.Random(seed), ledger_with(0, 20), [], [], 0, 0
    while place < 300 or ledger.jobs:
        number = dice.randrange(100)
        if number < 30 and place < 300 and ledger.has_room(10, 0):
            ledger.add(place, b"%d" % place)
            place += 1
        elif number < 60:
            if ledger.take_next() is not None:
                out.append(sent)
                sent += 1
        elif number < 97 and out:
            index = out.pop(dice.randrange(len(out)))
            settled, is_reported = ledger.settle(index, dice.choice(["ok", "exception", "busy", "internal", "rate_limited"]))
            assert settled is not None
            reported += [settled] if is_reported else []
        elif number >= 97:
            ledger.restart()
            out, sent = [], 0
    assert collections.Counter(reported) == dict.fromkeys(range(300), 1)


# Patience -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def luck(monkeypatch):
    """From 0 to 1: how much of a wait beyond its half there is."""
    value = [1.0]
    monkeypatch.setattr(pyexec.random, "random", lambda: value[0])
    return value


def test_each_try_waits_twice_as_long_as_the_one_before_up_to_the_longest(luck):
    patience, now = pyexec._Patience(1000), 5000.0
    for wait in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10):
        following = patience.failed(now)
        assert following - now == pytest.approx(wait)
        now = following


def test_luck_shortens_a_wait_by_half_of_it_at_most(luck):
    assert pyexec._Patience(300).failed(50) == pytest.approx(50.1)
    luck[0] = 0.0
    assert pyexec._Patience(300).failed(50) == pytest.approx(50.05)


def test_many_failures_at_the_same_time_are_one(luck):
    patience = pyexec._Patience(300)
    following = patience.failed(50)
    assert {patience.failed(50.001) for _ in range(100)} == {following}
    assert patience.failed(following) == pytest.approx(following + 0.2)


def test_progress_forgets_what_went_wrong(luck):
    patience, now = pyexec._Patience(10), 50.0
    for _ in range(6):
        now = patience.failed(now)
    patience.progressed()
    assert patience.failed(now) == pytest.approx(now + 0.1)
    patience.progressed()
    assert patience.failed(1000) is not None


def test_after_the_limit_without_progress_it_gives_up_and_not_before(luck):
    patience, now = pyexec._Patience(10), 50.0
    while (following := patience.failed(now)) is not None:
        now = following
    assert now == 60
    assert pyexec._Patience(0).failed(50) is None


def test_the_service_is_left_alone_for_as_long_as_it_asks(luck):
    patience = pyexec._Patience(300)
    assert patience.failed(50, 7) == patience.next_try == 57
    assert patience.failed(51, 7) == 58
    assert patience.failed(58, 0) == pytest.approx(58.2)
    assert pyexec._Patience(300).failed(50, 301) is None


# Progress -------------------------------------------------------------------------------------------------------------


def progress_of(total, done=0, failed=0, size=0, before=0):
    progress = pyexec._Progress(total, 1000.0)
    progress.done, progress.done_bytes, progress.before = done, size, before
    progress.by_outcome = {"ok": done - failed, "exited": failed}
    return progress


def test_with_a_known_number_of_jobs_there_is_a_bar_and_the_time_that_is_left():
    assert progress_of((200, None)).bar(1000) == "[........................] 0/200 0% 0.0/s 0 failed"
    assert progress_of((200, None), 50, 3).bar(1001) == "[######..................] 50/200 25% 50/s 3 failed 0:03 left"
    assert progress_of((200, None), 200, 3).bar(1002) == "[########################] 200/200 100% 100/s 3 failed 0:00 left"
    assert progress_of((0, None)).bar(1000).startswith("[########################] 0/0 100%")


def test_with_a_known_number_of_bytes_the_bar_is_of_those():
    assert progress_of((None, 1000), 10, 0, 250).bar(1001) == "[######..................] 10 25% 10/s 0 failed 0:03 left"


def test_where_nothing_is_known_there_is_no_bar():
    assert progress_of((None, None), 10, 1, 250).bar(1004) == "10 2.5/s 1 failed"


def test_the_rate_is_that_of_the_last_ten_seconds():
    progress, now = progress_of((None, None)), 1000.0

    def run(steps, each):
        nonlocal now
        for _ in range(steps):
            progress.done += each
            now += 0.2
            text = progress.bar(now)
        return text

    assert " 100/s " in run(100, 20)
    assert " 50/s " in run(25, 0)
    assert " 0.0/s " in run(25, 0)


def test_what_an_earlier_run_did_is_done_but_not_by_this_one():
    assert progress_of((100, None), 60, 0, 0, 50).bar(1001) == "[##############..........] 60/100 60% 10/s 0 failed 0:04 left"


def test_the_summary_names_every_outcome():
    progress = pyexec._Progress((None, None), 1000.0)
    for outcome in ("ok", "exception", "ok", "time_limit", "exception"):
        progress.count(outcome, 0)
    assert progress.summary(0, 1002.0) == "5 jobs: 2 ok, 2 exception, 1 time_limit; 2.0 s, 2.5 jobs/s"
    progress.before = 3
    assert progress.summary(7, 1020.0) == (
        "5 jobs: 2 ok, 2 exception, 1 time_limit, 7 without an answer; 3 of them by an earlier run; 20 s, 0.1 jobs/s")
    assert pyexec._Progress((None, None), 1000.0).summary(0, 1000.0) == "0 jobs: 0 ok; 0.0 s"


def test_the_time_that_is_left_has_hours():
    assert [pyexec._clock_time(seconds) for seconds in (0, 59.2, 3599.5, 36000)] == ["0:00", "1:00", "1:00:00", "10:00:00"]


# Waking ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before it is read", "after it was read"])
def test_a_call_of_wake_while_the_last_one_is_heard_is_not_the_last(when):
    class Bell:
        """A socket of which somebody wakes the reader just as it is read."""

        def __init__(self, inner):
            self.inner = inner

        def fileno(self):
            return self.inner.fileno()

        def recv(self, size):
            if when == "before it is read":
                batch.wake()
            got = self.inner.recv(size)
            if when == "after it was read":
                batch.wake()
            return got

    batch = pyexec._Batch(None, iter([]), pyexec._Sink(), window=1, patience=1)
    plain, other = batch.bell
    batch.bell = (Bell(plain), other)
    batch.wake()
    batch._wait(None, 0)
    batch.bell = (plain, other)
    batch._wait(None, 0)  # what was rung meanwhile may be heard now, or was looked at
    batch.wake()
    assert plain in pyexec._wait_ready([plain], [], 0)[0]
    batch.close()
