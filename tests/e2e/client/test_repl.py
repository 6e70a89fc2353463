"""The command repl: a session, through a pipe and on a terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest
from batch_client import CLIENT, PATIENCE_SECONDS, environment, url_of


class Repl:
    def __init__(self, url, folder):
        self.url, self.folder = url, folder

    def start(self, *words, **streams):
        return subprocess.Popen([*CLIENT, "repl", *words], cwd=self.folder, env=environment(PYEXEC_URL=self.url, TERM="dumb"), **streams)

    def __call__(self, *lines, words=(), code=0):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = self.start(*words, text=True, **pipes)
        out, err = process.communicate("\n".join(lines) + "\n", timeout=PATIENCE_SECONDS)
        assert process.returncode == code, err
        return out, err


@pytest.fixture
def repl(service, tmp_path):
    return Repl(url_of(service), tmp_path)


def test_cells_share_a_session(repl):
    assert repl("x = 41", "x + 1", "print('a')", "'b'") == ("42\na\n'b'\n", "")


def test_blocks_end_with_a_blank_line_or_the_input(repl):
    assert repl("def f(n):", "    return n * 2", "", "f(4)", "for i in range(2):", "    print(i)") == ("8\n0\n1\n", "")
    assert repl("s = '''a", "b'''", "s") == ("'a\\nb'\n", "")
    assert repl("import asyncio", "await asyncio.sleep(0, 'awaited')") == ("'awaited'\n", "")


def test_an_error_is_shown_and_the_session_goes_on(repl):
    out, err = repl("x = 1", "1 / 0", "1 +* 2", "x", code=1)
    assert out == "1\n" and "ZeroDivisionError" in err and "yntax" in err


def test_cells_are_undone(repl):
    out, err = repl("x = 1", "x = 2", "x = 3", ":undo", "x", ":undo 2", "x", ":at 0", "'x' in globals()", ":undo 99", code=1)
    assert out.splitlines() == ["the next cell runs on the state after cell 2", "2", "the next cell runs on the state after cell 1", "1",
                                "the next cell runs on the state after cell 0", "False"]
    assert "cells to go back by" in err


def test_a_cell_that_runs_out_of_time_costs_itself_alone(repl):
    out, err = repl("x = 1", "x = 2; exec('while True: pass')", "x", words=["--timeout", "2"], code=1)
    assert out == "1\n" and "time limit exceeded" in err


def test_files_are_sent_listed_and_fetched(repl):
    (repl.folder / "a.txt").write_text("text")
    out, err = repl(":files", "x = 1", ":put a.txt", ":put a.txt b/c.txt", ":files", "x", "open('out.txt', 'w').write(open('a.txt').read() * 2)",
                    ":get out.txt", ":get out.txt other.txt", ":get nothing", code=1)
    assert out.splitlines() == ["no files", "a.txt", "b/c.txt", "1", "8", "saved out.txt", "saved other.txt"]
    assert "nothing" in err
    assert (repl.folder / "out.txt").read_text() == (repl.folder / "other.txt").read_text() == "texttext"


def test_commands_that_are_none_are_named(repl):
    out, err = repl(":nothing", ":at x", ":undo", ":put /nowhere", ":help", "1", ":quit", "2", code=1)
    assert ":undo [N]" in out and out.endswith("\n1\n") and ":nothing" in err and "/nowhere" in err


def test_a_new_session_begins_with_reset(repl):
    assert repl("x = 1", ":reset", "'x' in globals()")[0] == "False\n"


def test_the_session_ends_with_the_command(service, repl):
    before = service.request("GET", "/sessions").body
    repl("x = 1")
    assert service.request("GET", "/sessions").body == before


def test_a_session_that_has_ended_is_told_and_another_begins_with_reset(service, repl):
    before = {one["session"] for one in service.request("GET", "/sessions").body["sessions"]}
    process = repl.start(text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write("1\n")
    assert process.stdout.readline() == "1\n"
    (own,) = {one["session"] for one in service.request("GET", "/sessions").body["sessions"]} - before
    service.request("DELETE", f"/sessions/{own}")
    out, err = process.communicate("2\n:reset\n3\n", timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (1, "3\n") and ":reset begins a new session" in err


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, repl):
        self.ours, theirs = pty.openpty()
        self.process = repl.start(stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.text = ""

    def wait_for(self, pattern):
        """Reads until the pattern has come, and returns what came before its end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(pattern, self.text)):
            assert select.select([self.ours], [], [], max(deadline - time.monotonic(), 0))[0], self.text
            try:
                piece = os.read(self.ours, 4096)
            except OSError:
                piece = b""
            assert piece, f"it ended: {self.text}"
            self.text += piece.decode().replace("\r\n", "\n")
        before, self.text = self.text[:found.end()], self.text[found.end():]
        return before

    def interrupt(self, pattern):
        """Until it is heard: readline overlooks a signal that comes just before it waits for a key."""
        while not re.search(pattern, self.text):
            self.process.send_signal(signal.SIGINT)
            if select.select([self.ours], [], [], 10)[0]:
                self.wait_for(pattern)
                return

    def type(self, text):
        os.write(self.ours, text.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)


def test_on_a_terminal_lines_are_edited_and_come_back(repl):
    ctrl_a, up = "\x01", "\x1b[A"
    with Terminal(repl) as terminal:
        for typed, shown in (("n = 1", ""), (f"2{ctrl_a}4", "42\n"), ("n += 1; n", "2\n"), (up, "3\n"), (f"{up}{up}{ctrl_a}1", "142\n")):
            terminal.wait_for(">>> ")
            terminal.type(f"{typed}\n")
            terminal.wait_for(f"\n{shown}")
        terminal.wait_for(">>> ")
        terminal.type("\x04")
        assert terminal.process.wait(PATIENCE_SECONDS) == 0


def test_on_a_terminal_ctrl_c_ends_the_cell_and_keeps_the_session(patient, tmp_path):
    with Terminal(Repl(url_of(patient), tmp_path)) as terminal:
        terminal.wait_for(">>> ")
        terminal.type("x = 1\n")
        terminal.wait_for(">>> ")
        terminal.type("print('on'); exec('x = 2\\nwhile True: pass')\n")
        terminal.wait_for("\non\n")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for("KeyboardInterrupt: the cell was ended")
        terminal.wait_for(">>> ")
        terminal.type("x + 10\n")
        terminal.wait_for("\n11\n")
        terminal.wait_for(">>> ")
        terminal.type("abc")
        terminal.wait_for("abc")
        terminal.interrupt("KeyboardInterrupt\n")
        terminal.wait_for(">>> ")
        terminal.type("for i in range(2):\n")
        terminal.wait_for(r"\.\.\. ")
        terminal.type("    print(i)\n\n")
        terminal.wait_for("0\n1\n")
        terminal.wait_for(">>> ")
        terminal.type("\x04")
        assert terminal.process.wait(PATIENCE_SECONDS) == 0
