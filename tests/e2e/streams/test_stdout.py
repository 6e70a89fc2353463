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


def whole_lines(stdout):
    return [line for line in stdout.splitlines() if len(line) == 30 and len(set(line)) == 1]


@pytest.mark.parametrize("kind", ["threading.Thread", "multiprocessing.Process"])
def test_lines_of_threads_and_processes_are_whole(service, kind):
    script = f"""
import multiprocessing, threading, time
def say(letter):
    for _ in range(100):
        print(letter * 30)
        print(letter * 10, letter * 20, sep="")
def main():
    speakers = [{kind}(target=say, args=(letter,)) for letter in "abcd"]
    for speaker in speakers: speaker.start()
    for speaker in speakers: speaker.join()
"""
    stdout = service.execute(script).body["stdout"]
    assert len(whole_lines(stdout)) == len(stdout.splitlines()) == 800


def test_print_is_pythons(service):
    script = r"""
import builtins, contextlib, inspect, io, pickle, sys
class Writes:
    def __init__(self): self.got = []
    def write(self, text): self.got.append(text)
    def flush(self): self.got.append("flushed")
class Bad:
    def __str__(self): raise ValueError("no text")
def main():
    own, text = Writes(), io.StringIO()
    print(1, "a", file=own, flush=True)
    with contextlib.redirect_stdout(text): print("in", "memory", sep="-", end="!")
    print("x", None, 1.5, sep=None, end=None)
    print(*"abc", sep="", end="")
    print()
    problems = []
    for call in (lambda: print(sep=1), lambda: print(end=b""), lambda: print(wrong=1), lambda: print("before", Bad())):
        try: call()
        except Exception as e: problems.append([type(e).__name__, str(e)])
    kept, sys.stdout = sys.stdout, None
    print("nowhere")
    sys.stdout = kept
    return [own.got, text.getvalue(), problems, repr(print), pickle.loads(pickle.dumps(print)) is builtins.print, "sep" in inspect.signature(print).parameters]
"""
    answer = service.execute(script)
    assert answer.body["stdout"] == "x None 1.5\nabc\nbefore "
    assert answer.body["result"] == [
        ["1", " ", "a", "\n", "flushed"], "in-memory!",
        [["TypeError", "sep must be None or a string, not int"], ["TypeError", "end must be None or a string, not bytes"],
         ["TypeError", answer.body["result"][2][2][1]], ["ValueError", "no text"]],
        "<built-in function print>", True, True]


def test_a_traceback_has_no_frame_of_print_or_open(service):
    error = service.execute("class Bad:\n    def __str__(self): return 1 / 0\ndef main(): print(Bad())").body["error"]
    assert error.count("File ") == 2
    error = service.execute("def main(): open('/nothing')").body["error"]
    assert error.count("File ") == 1 and error.endswith("No such file or directory: '/nothing'")


def test_what_was_printed_without_a_line_end_is_out_at_once(service):
    script = "import os\ndef main():\n    print('50 %', end='')\n    print('100 %', end='\\r')\n    os.kill(os.getpid(), 9)"
    assert service.execute(script).body["stdout"] == "50 %100 %\r"


def test_a_fork_prints_nothing_twice(service):
    script = """
import os, sys
def main():
    print("once", end=" ")
    sys.stdout.write("parent ")
    child = os.fork()
    if child == 0:
        print("child")
        sys.exit(0)
    os.waitpid(child, 0)
"""
    assert service.execute(script).body["stdout"] == "once parent child\n"


@pytest.mark.parametrize("before", ["os.set_blocking(1, False)", "signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)"])
@pytest.mark.parametrize("write", ["print('x' * 400_000)", "sys.stdout.buffer.write(b'x' * 400_000 + b'\\n')"])
def test_a_write_that_the_kernel_takes_in_parts_is_whole(service, before, write):
    script = f"import os, signal, sys\ndef main():\n    signal.signal(signal.SIGALRM, lambda *_: None)\n    {before}\n    {write}\n    {write}"
    assert stdout(service, script) == 2 * ("x" * 400_000 + "\n")
