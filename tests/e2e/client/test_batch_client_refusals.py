"""The command batch and services that refuse, are busy, or break off."""

import collections
import hashlib
import json
import os
import socket
import tempfile
import time
from pathlib import Path

import pytest

from batch_client import check_squares, client, squares, url_of
from batch_stub import Stub


@pytest.fixture
def open_path():
    """A directory that others can read, too: the server gives up root before it reads its keys."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_a_key_is_sent_from_the_variable_or_the_file_and_a_wrong_one_is_refused(start, open_path, tmp_path):
    keys = open_path / "keys"
    keys.write_text(f"tester {hashlib.sha256(b'the-key').hexdigest()}\n")
    (tmp_path / "key").write_text("the-key\n")
    url = url_of(start(keys_file=keys))
    for refused in (client(url, jobs=squares(3)), client(url, jobs=squares(3), key="other")):
        assert (refused.code, refused.text) == (2, ""), refused
        assert "HTTP 401" in refused.stderr and "API key" in refused.stderr
    check_squares(client(url, jobs=squares(3), key="the-key").answers, 3)
    check_squares(client(url, "--key-file", tmp_path / "key", jobs=squares(3), key="other").answers, 3)


def test_a_key_that_is_no_header_is_refused_and_not_shown(tmp_path):
    (tmp_path / "key").write_text("secret\r\nHost: other\n")
    done = client("http://127.0.0.1:1", "--key-file", tmp_path / "key", jobs=squares(1))
    assert done.code == 2 and "secret" not in done.stderr


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415])
def test_a_refusal_ends_the_run_with_the_services_words(status):
    with Stub(lambda request, number: request.refuse(status, '{"error": "because of this"}')) as stub:
        done = client(stub.url, jobs=squares(5))
        assert (done.code, done.text) == (2, ""), done
        assert f"HTTP {status}: because of this" in done.stderr
        assert stub.requests == 1


def test_what_is_no_pyexec_is_told_from_one():
    def behave(request, number):
        request.begin("text/html")
        request.text(b"<html>")
        request.end()

    with Stub(behave) as stub:
        done = client(stub.url, jobs=squares(1))
    assert done.code == 2 and "is no pyexec service" in done.stderr


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_service_that_is_busy_is_asked_again(status):
    def behave(request, number):
        request.answer_all() if number == 3 else request.refuse(status, '{"error": "later"}')

    with Stub(behave) as stub:
        done = client(stub.url, jobs=squares(5))
        assert done.code == 0, done
        assert sorted(a["id"] for a in done.answers) == list(range(5))
        assert stub.requests == 4


def test_a_service_is_left_alone_for_as_long_as_it_asks():
    moments = []

    def behave(request, number):
        moments.append(time.monotonic())
        request.refuse(429, "", "Retry-After: 1\r\n") if number == 0 else request.answer_all()

    with Stub(behave) as stub:
        assert client(stub.url, jobs=squares(1)).code == 0
    assert moments[1] - moments[0] >= 1


def test_one_that_asks_for_more_than_there_is_patience_is_given_up():
    with Stub(lambda request, number: request.refuse(503, "", "Retry-After: 400\r\n")) as stub:
        done = client(stub.url, jobs=squares(5))
        assert (done.code, stub.requests) == (3, 1), done
        assert "5 jobs have none" in done.stderr


def test_where_nobody_listens_it_gives_up_after_the_time_it_was_given():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = client(url, "--retry-seconds", 1, jobs=squares(7))
    assert (done.code, done.text) == (3, ""), done
    assert "after 1 s" in done.stderr and "7 jobs have none" in done.stderr and "Connection refused" in done.stderr


def test_jobs_that_found_no_place_or_were_lost_are_sent_again_and_reported_once():
    seen = collections.Counter()

    def behave(request, number):
        request.begin()
        for index, job in request.jobs():
            seen[job["id"]] += 1
            often = seen[job["id"]]
            if often <= 3:
                outcome, status = {1: ("busy", 429), 2: ("rate_limited", 429), 3: ("internal", 500)}[often]
                request.answer(index, job, outcome, status, error="later")
            else:
                request.answer(index, job)
        request.end()

    with Stub(behave) as stub:
        done = client(stub.url, jobs=squares(20))
    assert done.code == 0, done
    assert sorted(a["index"] for a in done.answers) == sorted(a["id"] for a in done.answers) == list(range(20))
    assert set(seen.values()) == {4}


def test_a_job_that_is_lost_again_and_again_is_reported():
    sent = []

    def behave(request, number):
        request.begin()
        for index, job in request.jobs():
            sent.append(job["id"])
            request.answer(index, job, *(("internal", 500) if job["id"] == 1 else ("ok", 200)))
        request.end()

    with Stub(behave) as stub:
        done = client(stub.url, jobs=squares(3))
    assert done.code == 1, done
    assert collections.Counter(sent) == {0: 1, 1: 4, 2: 1}
    assert collections.Counter((a["id"], a["outcome"]) for a in done.answers) == {
        (0, "ok"): 1, (1, "internal"): 1, (2, "ok"): 1,
    }


@pytest.mark.parametrize("how", ["half a line", "no end", "an early end", "nonsense", "an index twice", "nothing"])
def test_a_broken_answer_loses_nothing_and_reports_nothing_twice(how):
    def behave(request, number):
        if number == 3:
            return request.answer_all()
        if how == "nothing":
            return
        request.begin()
        jobs = request.jobs()
        first, second = next(jobs), next(jobs)
        request.answer(*second)
        if how == "half a line":
            request.text(json.dumps({"index": first[0], "id": first[1]["id"], "outcome": "ok"}).encode()[:-3])
        elif how == "an early end":
            request.end()
        elif how == "nonsense":
            request.text(b"nonsense\n")
        elif how == "an index twice":
            request.answer(*second)

    with Stub(behave) as stub:
        done = client(stub.url, jobs=squares(30))
        assert done.code == 0, done
        assert collections.Counter(a["id"] for a in done.answers) == {i: 1 for i in range(30)}
        assert all(a["id"] == a["index"] for a in done.answers)
        assert stub.requests == 4
