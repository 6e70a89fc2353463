"""The command repl: states after cells that made none, how it ends, input of all kinds."""

import signal
import subprocess
import time

import pytest
from batch_client import CLIENT, PATIENCE_SECONDS, environment, url_of


@pytest.fixture
def repl(service, tmp_path):
    def run(*lines, code=0):
        text = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
        done = subprocess.run([*CLIENT, "repl"], cwd=tmp_path, env=environment(PYEXEC_URL=url_of(service)), input=text, capture_output=True,
                              timeout=PATIENCE_SECONDS)
        assert done.returncode == code, done
        return done.stdout.decode(), done.stderr.decode()

    run.folder = tmp_path
    return run


def sessions_of(service):
    return {one["session"] for one in service.request("GET", "/sessions").body["sessions"]}


@pytest.fixture
def started(service):
    before = sessions_of(service)
    process = subprocess.Popen([*CLIENT, "repl"], env=environment(PYEXEC_URL=url_of(service)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.before = before
    yield process
    process.kill()
    process.communicate()


# States ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["1 +* 2", "import os; os._exit(1)", "exec('while True: pass')"], ids=["syntax", "exit", "time"])
def test_a_cell_that_makes_no_state_does_not_bring_back_what_was_undone(repl, cell):
    out, _ = repl("x = 1", "x = 2", ":undo", cell, "x", "x = 5", cell, "x", ":undo 2", "x", code=1)
    assert [line for line in out.splitlines() if line.isdigit()] == ["1", "5", "1"]


def test_a_cell_that_was_interrupted_does_not_bring_back_what_was_undone(started):
    def send(text):
        started.stdin.write(text.encode() + b"\n")
        started.stdin.flush()

    send("x = 1\nx = 2\n:undo")
    assert b"after cell 1" in started.stdout.readline()
    send("print('on', flush=True); exec('x = 3\\nwhile True: pass')")
    assert started.stdout.readline() == b"on\n"
    started.send_signal(signal.SIGINT)
    assert started.stdout.readline() == b"\n" and b"the cell was ended" in started.stdout.readline()
    send("x")
    assert started.stdout.readline() == b"1\n"
    started.communicate(timeout=PATIENCE_SECONDS)
    assert started.returncode == 1


def test_states_that_are_not_there_are_refused_at_once(repl):
    out, err = repl("x = 1", "1 +* 2", ":at 99", ":at -1", ":at 2", ":undo abc", ":at", "x", code=1)
    assert out == "1\n"
    for said in ("no state after a cell 99", "no state after a cell -1", "no state after a cell 2", "'abc' is no number", "no such command as ':at'"):
        assert said in err


# Ends -----------------------------------------------------------------------------------------------------------------


def test_all_cells_run_and_a_failure_is_exit_code_1(repl):
    assert repl("1 / 0", "2", code=1)[0] == "2\n"
    assert repl("1", ":quit")[0] == "1\n"
    assert "nothing" in repl(":get nothing", ":quit", code=1)[1]


def test_output_that_nobody_reads_ends_it_quietly(started):
    started.stdout.close()
    started.stdin.write(b"1\n2\n")
    started.stdin.flush()
    assert started.wait(PATIENCE_SECONDS) == 141
    assert started.stderr.read() == b""
    started.stdout = None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("cell", ["1", "print(1, flush=True); exec('while True: pass')"], ids=["idle", "busy"])
def test_a_signal_ends_the_session(service, started, number, cell):
    started.stdin.write(cell.encode() + b"\n")
    started.stdin.flush()
    assert started.stdout.readline() == b"1\n"
    time.sleep(0.2)  # the cell that is idle goes on to wait for its input
    started.send_signal(number)
    assert started.wait(PATIENCE_SECONDS) == 128 + number
    assert sessions_of(service) == started.before
    assert started.stderr.read() == b""


# Input ----------------------------------------------------------------------------------------------------------------


def test_cells_that_are_no_utf_8_fail_by_themselves(repl):
    out, err = repl("1", b"print('caf\xe9')", "for i in range(2):", b"    print('\xe9')", "    print(i)", "", "'caf\u00e9'", code=1)
    assert out == "1\n'caf\u00e9'\n" and err == "the cell is no text in UTF-8\n" * 2


def test_a_byte_order_mark_is_none_of_the_input(repl):
    assert repl("\ufeff1 + 1") == ("2\n", "")


def test_names_with_spaces_stand_in_quotes(repl):
    (repl.folder / "a b.txt").write_text("text")
    (repl.folder / "it's.txt").write_text("text")
    out, err = repl(':put "a b.txt" \'c d/e "f".txt\'', ":put it's.txt", ":files", ':get \'c d/e "f".txt\' "o\\ut x.txt"', ':put "a b.txt', code=1)
    assert out.splitlines() == ['c d/e "f".txt', "it's.txt", "saved o\\ut x.txt"] and err == "a quote is not closed\n"
    assert (repl.folder / "o\\ut x.txt").read_text() == "text"


def test_a_name_that_is_no_utf_8_is_told(repl):
    (repl.folder / "a").write_text("text")
    out, err = repl(b":put a caf\xe9", "1", code=1)
    assert out == "1\n" and "half of a surrogate pair" in err
