"""Standard output: exact, complete whatever ends the job, bounded."""

import pytest

CAP_BYTES = 1 << 20


def stdout(service, script):
    return service.execute(script).body["stdout"]


def test_nothing_is_stripped(service):
    assert stdout(service, "print('  a ', end=' \\t')\nprint()\nprint('\\r\\n\\n')\ndef main(): pass") == "  a  \t\n\r\n\n\n"


def test_descriptor_c_code_and_children_are_in_it_in_order(service):
    script = """
import ctypes, os, subprocess, sys
def main():
    print("python")
    os.write(1, b"descriptor\\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"libc")
    libc.fflush(None)
    subprocess.run(["echo", "child"])
    sys.stdout.buffer.write(b"buffer\\n")
    if os.fork() == 0:
        print("fork")
        os._exit(0)
    os.wait()
"""
    assert stdout(service, script) == "python\ndescriptor\nlibc\nchild\nbuffer\nfork\n"


@pytest.mark.parametrize(
    "end, outcome",
    [
        ("import ctypes; ctypes.string_at(0)", "killed"),
        ("import os; os.abort()", "killed"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("import os; os._exit(0)", "exited"),
        ("import sys; sys.exit()", "exited"),
        ("1 / 0", "exception"),
        ("return object()", "not_serializable"),
        ("\n    while True: pass", "time_limit"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "time_limit"),
    ],
)
def test_what_was_printed_before_the_end_is_returned(service, end, outcome):
    answer = service.execute(f"def main():\n    print('no newline', end='')\n    {end}")
    assert (answer.outcome, answer.body["stdout"]) == (outcome, "no newline"), answer


def test_invalid_utf8_is_replaced_as_python_does(service):
    data = b"a\xffb\xc3(\xe2\x82\xf0\x9f\x98\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf\xe2\x82\xacz\xf0\x9f"
    answer = service.execute(f"import os\ndef main(): os.write(1, {data!r})")
    assert answer.body["stdout"] == data.decode("utf-8", "replace")
    assert answer.outcome == "ok"


def test_nul_and_control_characters_survive(service):
    text = "".join(map(chr, range(32))) + '"\\\x7f\u2028'
    assert stdout(service, f"print({text!r}, end='')\ndef main(): pass") == text


def test_exactly_the_cap_is_not_truncated(service):
    body = service.execute(f"def main(): print('x' * {CAP_BYTES}, end='')").body
    assert body["stdout"] == "x" * CAP_BYTES and "stdout_truncated" not in body


def test_one_more_is_truncated_and_says_so(service):
    answer = service.execute(f"def main(): print('x' * {CAP_BYTES + 1}, end='')")
    assert (answer.status, answer.outcome) == (200, "ok")
    assert answer.body == {"result": None, "stdout": "x" * CAP_BYTES, "stdout_truncated": True}


@pytest.mark.parametrize("shift", range(4))
def test_the_cut_is_at_a_character_boundary(service, shift):
    body = service.execute(f"def main(): print('x' * {shift} + '\\U0001f600' * {CAP_BYTES // 4 + 1}, end='')").body
    characters = (CAP_BYTES - shift) // 4
    assert body["stdout"] == "x" * shift + "\U0001f600" * characters
    assert body["stdout_truncated"] is True


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_ten_gigabytes_neither_deadlock_nor_grow_the_server(start):
    service = start(timeout_ms=120000, pool=2)
    service.execute("def main(): pass")
    before = resident_bytes(service.process.pid)
    script = """
import os
def main():
    block = b"y" * (1 << 20)
    written = 0
    while written < 10 << 30:
        written += os.write(1, block)
    return written
"""
    answer = service.execute(script)
    assert answer.body["result"] == 10 << 30
    assert answer.body["stdout_truncated"] is True and len(answer.body["stdout"]) == CAP_BYTES
    assert resident_bytes(service.process.pid) - before < 16 << 20


def test_output_after_the_answer_is_not_waited_for(service):
    script = """
import os, time
def main():
    if os.fork() == 0:
        while True:
            os.write(1, b"x" * 4096)
            time.sleep(0.001)
    return 1
"""
    assert service.execute(script).body["result"] == 1
