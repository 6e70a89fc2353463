"""The command batch: every job is answered, and reported once, whatever becomes of the service and of itself."""

import collections
import json
import re
import subprocess

import pytest

from batch_client import PATIENCE_SECONDS, SQUARE, as_lines, check_squares, client, squares, start_client, url_of
from batch_stub import Stub

MOST_MEMORY_KB = 200 * 1024


def test_two_thousand_jobs_of_a_file_have_their_answers(service, tmp_path):
    jobs = tmp_path / "jobs"
    common = {"defaults": True, "script": SQUARE}
    jobs.write_bytes(b"\n" + as_lines([common]) + b"  \n" + as_lines({"id": i, "args": [i]} for i in range(2000)))
    done = client(url_of(service), jobs, "--output", tmp_path / "answers")
    assert (done.code, done.text) == (0, ""), done
    answers = [json.loads(line) for line in (tmp_path / "answers").read_text().splitlines()]
    check_squares(answers, 2000)
    assert "2000 jobs: 2000 ok;" in done.stderr


def test_two_thousand_jobs_of_standard_input_have_their_answers(service):
    done = client(url_of(service), "-", jobs=squares(2000))
    assert done.code == 0, done
    check_squares(done.answers, 2000)


def test_a_last_line_without_a_newline_is_a_job(service, tmp_path):
    (tmp_path / "jobs").write_bytes(as_lines(squares(3)).rstrip())
    done = client(url_of(service), tmp_path / "jobs", "--quiet")
    assert (done.code, done.stderr) == (0, ""), done
    check_squares(done.answers, 3)


def test_the_index_is_the_place_in_the_input_and_not_that_of_the_answer(service):
    jobs = [
        {"script": "import time\ndef main():\n    time.sleep(0.5)\n    return 0"},
        {"script": "def main(): return 1"},
    ]
    done = client(url_of(service), jobs=jobs)
    assert done.code == 0, done
    assert {a["index"]: a["result"] for a in done.answers} == {0: 0, 1: 1}


def test_no_jobs_are_all_ok():
    done = client("http://127.0.0.1:1", jobs=[])
    assert (done.code, done.text) == (0, ""), done
    assert "0 jobs: 0 ok" in done.stderr


def test_jobs_that_fail_are_reported_and_make_the_exit_code_1(service):
    jobs = [
        *squares(2),
        {"id": "raises", "script": "def main(): raise ValueError('why')"},
        {"id": "exits", "script": "import os\ndef main(): os._exit(3)"},
        {"id": "no script"},
    ]
    text = as_lines(jobs) + b"nonsense\n"
    process = start_client(url_of(service), stdin=subprocess.PIPE)
    out, err = process.communicate(text, timeout=PATIENCE_SECONDS)
    answers = {a["index"]: a for a in map(json.loads, out.splitlines())}
    assert process.returncode == 1
    assert [answers[i]["outcome"] for i in range(6)] == [
        "ok", "ok", "exception", "exited", "invalid_request", "invalid_request",
    ]
    assert "ValueError: why" in answers[2]["error"] and answers[2]["id"] == "raises"
    assert b"6 jobs: 2 ok, 1 exception, 1 exited, 2 invalid_request;" in err


def test_long_integers_and_odd_texts_come_through_unchanged(service):
    script = "def main():\n    return [10 ** 1000, 'a\\n\\u2028\\U0001f600\\x00', -(10 ** 400)]"
    done = client(url_of(service), jobs=[{"script": script}])
    assert done.code == 0, done
    assert f'[1{"0" * 1000}, ' in done.text and f'-1{"0" * 400}]' in done.text
    assert done.answers[0]["result"][1] == "a\n\u2028\U0001f600\0"


def test_a_line_with_defaults_that_the_service_refuses_ends_the_run(service):
    done = client(url_of(service), jobs=[{"defaults": True, "scripto": SQUARE}, *squares(3)])
    assert (done.code, done.text) == (2, ""), done
    assert "refuses the line with defaults: unknown field 'scripto'" in done.stderr


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["/nowhere/jobs"], "cannot read /nowhere/jobs: No such file or directory"),
        (["/"], "cannot read /: Is a directory"),
        (["--output", "/nowhere/answers"], "cannot write /nowhere/answers: No such file"),
        (["--url", "example.org"], "'example.org' is not a URL"),
        (["--url", "http://x:99999"], "'99999'"),
        (["--key-file", "/nowhere/key"], "cannot read the key file /nowhere/key: No such file"),
        (["--fast"], "--fast"),
        (["--window", "0"], "--window"),
        (["--window", "many"], "many"),
        (["--resume"], "--resume needs --output"),
        (["--quiet", "--progress"], "--quiet and --progress"),
        (["a", "b"], "b"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_named(arguments, said):
    done = client("http://127.0.0.1:1", "--retry-seconds", 0, *arguments, jobs=squares(1))
    assert done.code == 2, done
    assert said in done.stderr and "pyexec batch: " in done.stderr


def test_the_help_names_every_option_and_variable():
    text = client("http://x", "--help").text
    for name in ("--url", "--output", "--resume", "--key-file", "--window", "--retry-seconds", "--progress", "--quiet",
                 "PYEXEC_URL", "PYEXEC_KEY", "FILE"):
        assert name in text


def test_the_input_is_not_overwritten(tmp_path):
    (tmp_path / "jobs").write_bytes(as_lines(squares(1)))
    done = client("http://127.0.0.1:1", tmp_path / "jobs", "--output", tmp_path / "jobs")
    assert done.code == 2 and "is the input" in done.stderr
    assert (tmp_path / "jobs").read_bytes() == as_lines(squares(1))


def test_a_line_larger_than_64_mib_is_named(tmp_path):
    with open(tmp_path / "jobs", "wb") as file:
        file.write(b"\n" + b" " * (65 << 20) + b"\n")
    done = client("http://127.0.0.1:1", tmp_path / "jobs")
    assert done.code == 2 and "line 2 of" in done.stderr and "64 MiB" in done.stderr


def test_lines_of_progress_that_were_asked_for_are_no_answers(service):
    jobs = [{"defaults": True, "script": SQUARE, "progress_ms": 100}, *({"id": i, "args": [i]} for i in range(50))]
    done = client(url_of(service), jobs=jobs)
    assert done.code == 0, done
    check_squares(done.answers, 50)


def test_no_more_jobs_are_out_than_the_window(tmp_path):
    out = []

    def behave(request, number):
        request.begin()
        waiting = []
        for line in request.lines():
            if not line.strip():  # the client has nothing to send, and says so to keep the connection
                out.append(len(waiting))
                for index, job in waiting:
                    request.answer(index, job)
                waiting = []
            else:
                waiting.append((request.index, json.loads(line)))
        for index, job in waiting:
            request.answer(index, job)
        request.end()

    with Stub(behave) as stub:
        done = client(stub.url, "--window", 7, jobs=squares(15))
    assert done.code == 0, done
    assert out == [7, 7]


def test_progress_is_shown_where_it_is_asked_for(service, tmp_path):
    (tmp_path / "jobs").write_bytes(as_lines([*squares(39), {"id": 39, "script": "def main(): raise SystemExit"}]))
    done = client(url_of(service), tmp_path / "jobs", "--progress")
    assert done.code == 1, done
    bars = done.stderr.rstrip("\n").split("\n")[0].split("\r\x1b[K")[1:]
    assert bars[0].startswith("[........................] 0/40 0%")
    assert bars[-1].startswith("[########################] 40/40 100%") and "1 failed" in bars[-1]
    assert re.fullmatch(r"40 jobs: 39 ok, 1 exited; [\d.]+ s, [\d.]+ jobs/s", done.stderr.splitlines()[-1])


def test_no_progress_is_shown_elsewhere(service):
    assert "\r" not in client(url_of(service), jobs=squares(3)).stderr


def test_memory_does_not_grow_with_the_number_of_jobs(tmp_path):
    count = 200_000
    jobs = tmp_path / "jobs"
    jobs.write_bytes(as_lines({"id": i, "script": ""} for i in range(count)))
    peak = []

    def behave(request, number):
        request.begin()
        for chunk in request.chunks():
            lines = [json.loads(line)["id"] for line in chunk.split(b"\n") if line]
            if lines[-1] == count - 1:
                status = open(f"/proc/{process.pid}/status").read()
                peak.append(int(re.search(r"VmHWM:\s+(\d+)", status)[1]))
            request.text(b"".join(b'{"index": %d, "id": %d, "outcome": "ok", "status": 200}\n' % (i, i) for i in lines))
        request.end()

    with Stub(behave) as stub:
        process = start_client(stub.url, jobs, "--output", tmp_path / "answers")
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert stub.requests == 1
    assert process.returncode == 0, err
    assert peak and peak[0] < MOST_MEMORY_KB
    ids = collections.Counter(json.loads(line)["id"] for line in open(tmp_path / "answers"))
    assert ids == {i: 1 for i in range(count)}
