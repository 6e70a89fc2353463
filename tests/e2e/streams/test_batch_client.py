"""pyexec-batch: every job is answered, and reported once, whatever becomes of the service and of itself."""

import collections
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from batch_stub import Stub
from service import BUILD, Service

CLIENT = BUILD / "pyexec-batch"
SQUARE = "def main(n):\n    return n * n"
MOST_MEMORY_KB = 200 * 1024
# Waits of the test itself, for what happens by itself and soon.
PATIENCE_SECONDS = 120


def environment(**variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYEXEC_")}
    return {**kept, **variables}


def start_client(url, *arguments, key="", **streams):
    return subprocess.Popen(
        [CLIENT, *map(str, arguments)],
        env=environment(PYEXEC_URL=url, **({"PYEXEC_KEY": key} if key else {})),
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


class Done:
    def __init__(self, code, stdout, stderr):
        self.code, self.text, self.stderr = code, stdout.decode(), stderr.decode()

    @property
    def answers(self):
        return [json.loads(line) for line in self.text.split("\n") if line]

    def __repr__(self):
        return f"<{self.code} {self.stderr} {self.text[:2000]}>"


def client(url, *arguments, jobs=None, key=""):
    text = None if jobs is None else as_lines(jobs)
    process = start_client(url, *arguments, key=key, stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL)
    out, err = process.communicate(text, timeout=PATIENCE_SECONDS)
    return Done(process.returncode, out, err)


def as_lines(jobs):
    return "".join(json.dumps(job) + "\n" for job in jobs).encode()


def url_of(service):
    return f"http://{service.host}:{service.port}"


def squares(count):
    return [{"script": SQUARE, "id": i, "args": [i]} for i in range(count)]


def check_squares(answers, count):
    """Each once, with its own result, at its own place."""
    assert collections.Counter(a["id"] for a in answers) == {i: 1 for i in range(count)}
    for answer in answers:
        assert answer["outcome"] == "ok", answer
        assert answer["index"] == answer["id"]
        assert answer["result"] == answer["id"] ** 2


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
        (["--url", "https://example.org"], "put a TLS proxy in front of it"),
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
    assert said in done.stderr and "pyexec-batch: " in done.stderr


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


def test_a_client_that_was_killed_goes_on_where_it_was(service, tmp_path):
    count, answers = 600, tmp_path / "answers"
    jobs = tmp_path / "jobs"
    jobs.write_bytes(as_lines(squares(count)))
    process = start_client(url_of(service), jobs, "--output", answers)
    service.wait_until(lambda: answers.exists() and answers.read_bytes().count(b"\n") >= 100, PATIENCE_SECONDS)
    process.kill()
    process.communicate()
    there = answers.read_bytes().count(b"\n")
    assert 100 <= there < count
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
        ({"id": 1.5}, "line 2 has no 'id'"),
        ({"id": 0}, "line 2 has the id 0 of a line before it"),
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
    """Answers 100 jobs, then says nothing more until the client goes."""
    request.begin()
    jobs = request.jobs()
    for _ in range(100):
        request.answer(*next(jobs), result="x" * 5000)
    for _ in jobs:
        pass


@pytest.mark.parametrize("what", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_with_whole_lines(what):
    with Stub(half_answered) as stub:
        process = start_client(stub.url, stdin=subprocess.PIPE)
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
