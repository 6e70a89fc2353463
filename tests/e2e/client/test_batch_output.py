"""The command batch and its output: one run at a time, what was there before, what it says while it waits."""

import json
import signal
import socket
import subprocess

import pytest
from batch_client import PATIENCE_SECONDS, as_lines, client, squares, start_client, url_of
from batch_stub import Stub


def free_url(scheme="http"):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def kept(tmp_path):
    """An output with an answer of an earlier run."""
    path = tmp_path / "answers"
    path.write_text('{"index": 0, "id": "old", "outcome": "ok"}\n')
    return path


# One run at a time ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["--resume"]], ids=["anew", "resumed"])
def test_a_second_run_with_the_same_output_is_refused_and_touches_nothing(words, service, kept):
    process = start_client(url_of(service), "--output", kept, stdin=subprocess.PIPE)
    process.stdin.write(as_lines(squares(1)))
    process.stdin.flush()
    service.wait_until(lambda: b'"result"' in kept.read_bytes(), PATIENCE_SECONDS)
    before = kept.read_bytes()
    second = client(url_of(service), "--output", kept, *words, jobs=squares(3))
    assert second.code == 2 and f"another run writes to {kept}" in second.stderr
    assert kept.read_bytes() == before
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert client(url_of(service), "--output", kept, jobs=squares(3)).code == 0
    assert len(kept.read_bytes().splitlines()) == 3


# What was there -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["defaults", "line", "input"])
def test_a_run_that_is_refused_keeps_what_was_there(text, service, kept, tmp_path):
    before = kept.read_bytes()
    jobs = {"defaults": [{"defaults": True, "nonsense": 1}, {"id": 1}], "line": [{"script": "x" * (65 << 20)}], "input": None}[text]
    words = [tmp_path] if text == "input" else []
    done = client(url_of(service), *words, "--output", kept, jobs=jobs)
    assert done.code == 2 and kept.read_bytes() == before, done


def test_a_run_without_an_answer_keeps_what_was_there(kept):
    before = kept.read_bytes() + b'{"index": 1, "half'
    kept.write_bytes(before)
    for words in ([], ["--resume"]):
        assert client(free_url(), "--output", kept, "--retry-seconds", 0, *words, jobs=squares(1)).code == 3
        assert kept.read_bytes() == before


def test_a_run_of_no_jobs_leaves_no_answers(service, kept):
    assert client(url_of(service), "--output", kept, jobs=[]).code == 0
    assert kept.read_bytes() == b""


# Trouble --------------------------------------------------------------------------------------------------------------


def test_a_service_that_speaks_no_https_ends_the_run_at_once(service):
    done = client(url_of(service).replace("http:", "https:"), jobs=squares(1))
    assert done.code == 3 and "does it speak https there?" in done.stderr


def test_a_proxy_that_refuses_ends_the_run_at_once(monkeypatch):
    with Stub(lambda request, number: request.refuse(403, "no")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        done = client("https://pyexec.example", jobs=squares(1))
        assert done.code == 3 and "Tunnel connection failed: 403" in done.stderr and proxy.requests == 1


def test_trouble_is_said_once_and_again_when_it_changes():
    def behave(request, number):
        if number == 3:
            return request.answer_all()
        request.refuse(503 if number < 2 else 502, '{"error": "closed"}')

    with Stub(behave) as stub:
        done = client(stub.url, jobs=squares(1))
    said = [line for line in done.stderr.splitlines() if "trying again" in line]
    assert said == ["pyexec batch: HTTP 503: closed; trying again for 300 s", "pyexec batch: HTTP 502: closed; trying again for 300 s"]
    with Stub(behave) as stub:
        assert client(stub.url, "--quiet", jobs=squares(1)).stderr == ""


def test_ctrl_c_tells_the_last_problem():
    url = free_url()
    process = start_client(url, stdin=subprocess.PIPE)
    process.stdin.write(as_lines(squares(1)))
    process.stdin.flush()
    assert b"trying again for 300 s" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130 and b"last problem: cannot connect to" in err


# Ids of a run that is resumed -----------------------------------------------------------------------------------------


def test_lines_that_the_service_refuses_do_not_end_a_resumed_run(service, tmp_path):
    jobs, answers = tmp_path / "jobs", tmp_path / "answers"
    lines = [b'{"id": 1, "code": "1"}', b"nonsense", b"[1]", b'{"id": 1.5, "code": "1"}', b'{"id": "' + b"x" * 300 + b'", "code": "1"}', b'{"id": 2.0, "code": "2"}']
    jobs.write_bytes(b"\n".join(lines) + b"\n")
    for run in (1, 2):
        done = client(url_of(service), jobs, "--output", answers, "--resume")
        assert done.code == 1, done
        found = [json.loads(line) for line in answers.read_text().splitlines()]
        assert sorted(a["index"] for a in found if a["outcome"] == "ok") == [0, 5]
        assert sorted(a["index"] for a in found if a["outcome"] == "invalid_request") == sorted([1, 2, 3, 4] * run)
