"""The command: run, code, health, batch of many rows."""

import json
import os
import pty
import signal
import subprocess

import pytest
from batch_client import CLIENT, PATIENCE_SECONDS, as_lines, check_squares, environment, start_client, url_of


class Command:
    def __init__(self, url, folder):
        self.url, self.folder = url, folder

    def start(self, *words, **options):
        return subprocess.Popen([*CLIENT, *map(str, words)], cwd=self.folder, env=environment(PYEXEC_URL=self.url), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **{"stdin": subprocess.DEVNULL, **options})

    def __call__(self, *words, stdin=None):
        process = self.start(*words, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        out, err = process.communicate(stdin, timeout=PATIENCE_SECONDS)
        return process.returncode, out, err

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def command(service, tmp_path):
    return Command(url_of(service), tmp_path)


@pytest.fixture
def nowhere(tmp_path):
    return Command("http://127.0.0.1:1", tmp_path)


# run ------------------------------------------------------------------------------------------------------------------


def test_a_script_is_run_and_its_output_and_result_are_printed(command):
    command.write("a.py", "import pandas as pd\ndef main(n, name='x'):\n    print('hello', name)\n    return [n, float(pd.read_csv('sales.csv').n.sum())]")
    command.write("in/sales.csv", "n\n2.5\n4\n")
    done = command("run", "a.py", "--arg", "n=3", "--arg", "name=Ada", "--file", "in/sales.csv")
    assert done == (0, "hello Ada\n[3, 6.5]\n", "")


@pytest.mark.parametrize(
    "words, result",
    [
        (["--arg", "3"], [3]),
        (["--arg", "three"], ["three"]),
        (["--arg", '"3"', "--arg", "[1, 2]"], ["3", [1, 2]]),
        (["--arg", '"a=b"'], ["a=b"]),
        (["--arg", "b==", "--arg", "a=null"], [None, "="]),
        (["--arg", "-3"], [-3]),
        ([], []),
    ],
)
def test_arguments_are_json_or_text(command, words, result):
    named = any("a=null" in word for word in words)
    command.write("a.py", "def main(a=0, b=0): return [a, b]" if named else "def main(*args): return args")
    assert command("run", "a.py", *words) == (0, json.dumps(result) + "\n", "")


def test_a_script_may_come_from_standard_input_or_read_it(command):
    assert command("run", "-", stdin="def main(): return 1") == (0, "1\n", "")
    command.write("a.py", "import sys\ndef main(): return sys.stdin.read()")
    assert command("run", "a.py", "--stdin", "-", stdin="text") == (0, '"text"\n', "")
    assert command("run", "-", "--stdin", "-", stdin="")[0] == 2


def test_output_without_a_newline_does_not_run_into_the_result(command):
    command.write("a.py", "def main(): print('a', end='')")
    assert command("run", "a.py") == (0, "a\nnull\n", "")
    assert command("run", "a.py", "--live") == (0, "a\nnull\n", "")


def test_returned_files_are_saved_and_only_they(command):
    command.write("a.py", "def main():\n    for n in ('a.txt', 'b.txt', 'c.bin'): open(n, 'w').write('new')")
    command.write("b.txt", "old")
    command.write("c.bin", "old")
    code, out, err = command("run", "a.py", "--return", "*.txt")
    assert (code, out) == (0, "null\n") and sorted(err.splitlines()) == ["saved a.txt", "saved b.txt"]
    assert {name: (command.folder / name).read_text() for name in ("a.txt", "b.txt", "c.bin")} == {"a.txt": "new", "b.txt": "new", "c.bin": "old"}
    assert command("run", "a.py", "--return", "c.*", "--into", "out")[0] == 0
    assert (command.folder / "out/c.bin").read_text() == "new"


def test_a_script_that_fails_is_exit_code_1_with_its_traceback(command):
    command.write("a.py", "def main():\n    print('before')\n    return 1 / 0")
    code, out, err = command("run", "a.py")
    assert (code, out) == (1, "before\n") and err.startswith("Traceback") and err.endswith("ZeroDivisionError: division by zero\n")
    assert "pyexec.py" not in err
    command.write("a.py", "def main():\n    while True: pass")
    code, out, err = command("run", "a.py", "--timeout", "0.2")
    assert (code, out) == (1, "") and err.startswith("pyexec run: execution time limit exceeded")


def test_what_was_printed_before_a_failure_is_there_live_too(command):
    command.write("a.py", "import sys\ndef main():\n    print('before')\n    sys.stderr.write('warned\\n')\n    return 1 / 0")
    code, out, err = command("run", "a.py", "--live")
    assert (code, out) == (1, "before\n") and "warned" in err and err.count("ZeroDivisionError") == 1


def test_output_comes_while_the_script_runs_and_ctrl_c_kills_it(patient, tmp_path):
    command = Command(url_of(patient), tmp_path)
    command.write("a.py", "import sys\ndef main():\n    print('on')\n    while True: pass")
    process = command.start("run", "a.py", "--live")
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out, err) == (130, "", "")
    patient.wait_idle()


def test_whoever_reads_no_further_ends_it_quietly(command):
    command.write("a.py", "def main():\n    print('x' * 100, flush=True)\n    return 'x' * 1000000")
    process = command.start("run", "a.py", "--live")
    process.stdout.close()
    assert (process.wait(PATIENCE_SECONDS), process.stderr.read()) == (141, "")
    process.stderr.close()


@pytest.mark.parametrize(
    "words, said",
    [
        (["run", "nothing.py"], "cannot read nothing.py: No such file"),
        (["run", "."], "cannot read .: Is a directory"),
        (["run", "a.py", "--file", "nothing.csv"], "cannot read nothing.csv: No such file"),
        (["run", "a.py", "--arg", "1", "--arg", "n=2"], "cannot be mixed"),
        (["run", "a.py", "--env", "A"], "--env takes NAME=VALUE"),
        (["run", "a.py", "--timeout", "soon"], "--timeout"),
        (["run", "a.py", "--timeout", "-1"], "--timeout"),
        (["run", "a.py", "--fast"], "--fast"),
        (["run", "a.py", "--key", "secret"], "--key"),
        (["run"], "SCRIPT"),
        (["walk"], "walk"),
        ([], "COMMAND"),
        (["run", "a.py", "--url", "example.org"], "'example.org' is not a URL"),
        (["health", "--key-file", "nothing"], "cannot read the key file nothing"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_named(nowhere, words, said):
    nowhere.write("a.py", "def main(): pass")
    code, out, err = nowhere(*words)
    assert (code, out) == (2, "") and said in err and err.startswith("pyexec") and "Traceback" not in err


def test_a_refusal_by_the_service_is_exit_code_2(command):
    command.write("a.py", "def main(): pass")
    code, out, err = command("run", "a.py", "--timeout", "1000000")
    assert (code, out) == (2, "") and "timeout_ms" in err


def test_where_nobody_listens_is_exit_code_3(nowhere):
    nowhere.write("a.py", "def main(): pass")
    for words in (["run", "a.py"], ["health"], ["repl"]):
        code, out, err = nowhere(*words)
        assert (code, out) == (3, "") and "cannot connect to 127.0.0.1:1: Connection refused" in err


def test_the_help_names_every_command_and_flag(nowhere):
    code, text, _ = nowhere("--help")
    assert code == 0
    for name in ("run", "code", "batch", "repl", "health", "packages", "PYEXEC_KEY"):
        assert name in text
    assert "--return PATTERN" in nowhere("run", "--help")[1] and "PYEXEC_URL" in nowhere("run", "--help")[1]


# code, health ---------------------------------------------------------------------------------------------------------


def test_a_cell_is_run_and_its_value_is_printed(command):
    assert command("code", "print('a')\n'b'") == (0, "a\n'b'\n", "")
    assert command("code", "x = 1") == (0, "", "")
    assert command("code", "-", stdin="6 * 7") == (0, "42\n", "")
    code, out, err = command("code", "1 / 0", "--verbose")
    assert code == 1 and "ZeroDivisionError" in err and '"usage"' in err


def test_health_is_printed(command):
    code, out, err = command("health")
    assert (code, err) == (0, "") and json.loads(out)["status"] == "healthy"


# On a terminal --------------------------------------------------------------------------------------------------------


def test_on_a_terminal_output_is_live_and_the_result_is_laid_out(command):
    command.write("a.py", "def main():\n    print('on')\n    return {'a': 1}")
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*CLIENT, "run", "a.py"], cwd=command.folder, env=environment(PYEXEC_URL=command.url), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 4096):
            text += piece
    except OSError:  # the other end was closed
        pass
    os.close(ours)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert text.replace(b"\r\n", b"\n") == b'on\n{\n  "a": 1\n}\n'


# batch ----------------------------------------------------------------------------------------------------------------


def test_five_thousand_rows_survive_kill_9_of_the_client(service, tmp_path):
    count, answers, jobs = 5000, tmp_path / "answers", tmp_path / "jobs"
    common = {"defaults": True, "script": "def main(n):\n    return n * n"}
    jobs.write_bytes(as_lines([common, *({"id": n, "args": [n]} for n in range(count))]))
    kills = 0
    for wanted in (500, 1500, 2500):
        process = start_client(url_of(service), jobs, "--output", answers, *(["--resume"] if kills else []))
        service.wait_until(lambda: answers.exists() and answers.read_bytes().count(b"\n") >= wanted, PATIENCE_SECONDS)
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills == 3
    process = start_client(url_of(service), jobs, "--output", answers, "--resume")
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    check_squares([json.loads(line) for line in answers.read_text().splitlines()], count)


def test_a_batch_to_a_service_that_speaks_no_https_gives_up_and_says_why(service):
    process = start_client(url_of(service).replace("http:", "https:"), "--retry-seconds", 0, stdin=subprocess.PIPE)
    _, err = process.communicate(as_lines([{"script": "def main(): pass"}]), timeout=PATIENCE_SECONDS)
    assert process.returncode == 3 and b"does it speak https there?" in err
