"""The command batch is stopped, or its service is; a run goes on where it was."""

import itertools
import json
import signal
import socket
import subprocess

import pytest

from batch_client import PATIENCE_SECONDS, SQUARE, as_lines, check_squares, client, squares, start_client, url_of
from batch_stub import Stub
from service import Service


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_service_that_ends_and_comes_back_loses_no_job_and_reports_none_twice(how, tmp_path):
    count, rounds, port = 900, 3, free_port()
    jobs = tmp_path / "jobs"
    jobs.write_bytes(as_lines([{"defaults": True, "script": SQUARE}, *({"id": i, "args": [i]} for i in range(count))]))
    service = Service(port=port)
    process = start_client(url_of(service), jobs, "--window", 200, stderr=subprocess.DEVNULL)
    lines = []
    for number in range(rounds):
        lines += [process.stdout.readline() for _ in range(count // (rounds + 1))]
        service.process.send_signal(how)
        assert service.stop() == (-how if how == signal.SIGKILL else 0)
        service = Service(port=port)
    lines += process.stdout.readlines()
    assert process.wait(PATIENCE_SECONDS) == 0
    check_squares(list(map(json.loads, lines)), count)
    assert service.stop() == 0


def hundred_squares(request, number):
    """Answers 100 jobs, then says nothing more until the client goes."""
    request.begin()
    for index, job in request.jobs():
        if index < 100:
            request.answer(index, job, result=job["args"][0] ** 2)


def test_a_client_that_was_killed_goes_on_where_it_was(service, tmp_path):
    count, there, answers = 600, 100, tmp_path / "answers"
    jobs = tmp_path / "jobs"
    jobs.write_bytes(as_lines(squares(count)))
    with Stub(hundred_squares) as stub:
        process = start_client(stub.url, jobs, "--output", answers)
        service.wait_until(lambda: answers.exists() and answers.read_bytes().count(b"\n") == there, PATIENCE_SECONDS)
        process.kill()
        process.communicate()
    with open(answers, "ab") as file:
        file.write(b'{"index": 599, "id": 599, "outcome"')  # as if it had been killed within a line
    done = client(url_of(service), jobs, "--output", answers, "--resume")
    assert done.code == 0, done
    check_squares([json.loads(line) for line in answers.read_text().splitlines()], count)
    assert f"{count} jobs: {count} ok; {there} of them by an earlier run" in done.stderr
    before = answers.read_bytes()
    assert client("http://127.0.0.1:1", jobs, "--output", answers, "--resume").code == 0
    assert answers.read_bytes() == before


def test_a_resumed_run_knows_of_jobs_that_failed_before(tmp_path):
    (tmp_path / "answers").write_text('{"index": 0, "id": 0, "outcome": "exception", "status": 422}\n')
    with Stub(lambda request, number: request.answer_all()) as stub:
        done = client(stub.url, "--output", tmp_path / "answers", "--resume", jobs=squares(3))
    assert done.code == 1, done
    answers = [json.loads(line) for line in (tmp_path / "answers").read_text().splitlines()]
    assert [(a["index"], a["id"]) for a in answers] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize(
    "second, said",
    [
        ({"script": SQUARE}, "line 2 has no 'id'"),
        ({"id": None}, "line 2 has no 'id'"),
        ({"id": 0}, "line 2 has the id 0 of a line before it"),
        ({"id": 0.0}, "line 2 has the id 0 of a line before it"),
    ],
)
def test_a_run_that_can_be_resumed_needs_ids_of_their_own(second, said, tmp_path):
    with Stub(lambda request, number: request.answer_all()) as stub:
        done = client(stub.url, "--output", tmp_path / "answers", "--resume", jobs=[*squares(1), second])
    assert done.code == 2 and said in done.stderr, done


def test_a_file_of_something_else_is_not_resumed_and_not_touched(tmp_path):
    (tmp_path / "answers").write_text("a diary\nof mine")
    done = client("http://127.0.0.1:1", "--output", tmp_path / "answers", "--resume", jobs=squares(1))
    assert done.code == 2 and "line 1 of" in done.stderr
    assert (tmp_path / "answers").read_text() == "a diary\nof mine"


def half_answered(request, number):
    """Answers 100 jobs once it has 500, then says nothing more until the client goes."""
    request.begin()
    jobs = request.jobs()
    for index, job in list(itertools.islice(jobs, 500))[:100]:
        request.answer(index, job, result="x" * 5000)
    for _ in jobs:
        pass


@pytest.mark.parametrize("what", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_with_whole_lines(what):
    with Stub(half_answered) as stub:
        process = start_client(stub.url, "--window", 500, stdin=subprocess.PIPE)
        process.stdin.write(as_lines(squares(500)))
        process.stdin.flush()  # and it stays open: more could come
        lines = [process.stdout.readline() for _ in range(100)]
        process.send_signal(what)
        rest, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + what
    assert rest == b"" and [json.loads(line)["id"] for line in lines] == list(range(100))
    assert b"100 jobs: 100 ok, 400 without an answer" in err


def test_whoever_reads_no_further_ends_it_quietly():
    with Stub(lambda request, number: request.answer_all()) as stub:
        process = start_client(stub.url, stdin=subprocess.PIPE)
        process.stdin.write(as_lines(squares(1)))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 0
        process.stdout.close()
        process.stdin.write(as_lines(squares(1)))
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE_SECONDS) == 128 + signal.SIGPIPE
        process.stderr.close()
