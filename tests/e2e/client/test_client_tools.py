"""Tools of the caller's that go wrong: the script is told, and nobody waits for an answer that cannot come."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time

import pyexec
import pytest

SOON = 60  # seconds; the service would wait for 300
NAME = os.fsdecode(b"caf\xe9.txt")  # has half of a surrogate pair


class Untold(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def raising(problem):
    def tool():
        raise problem

    return tool


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("way", ["run", "stream"])
@pytest.mark.parametrize(
    "tool, said",
    [
        (lambda: NAME, "half of a surrogate pair"),
        (lambda: {NAME: 1}, "half of a surrogate pair"),
        (lambda: sys.exit(3), "SystemExit: 3"),
        (raising(Untold()), "Untold"),
        (raising(pyexec.ToolError(Untold())), "ToolError"),
        (raising(ValueError(NAME)), r"ValueError: caf\udce9.txt"),
        (raising(pyexec.ToolError(NAME)), r"caf\udce9.txt"),
        (raising(asyncio.CancelledError()), "CancelledError"),
        (lambda: nested(700), "does not take the result"),
        (lambda: "x" * (32 << 20), "the result is too large"),
    ],
    ids=range(10),
)
def test_what_cannot_be_answered_is_an_error_in_the_script(client, way, tool, said):
    script = "def main():\n    print('ran')\n    try:\n        f()\n    except Exception as error:\n        return str(error)"
    begin = time.monotonic()
    if way == "run":
        answer = client.run(script, tools={"f": tool})
    else:
        with client.stream(script, tools={"f": tool}, timeout=3) as stream:
            answer = stream.answer()
    assert said in answer.result and answer.stdout == "ran\n" and time.monotonic() - begin < SOON


def test_text_that_cannot_be_sent_is_named_and_pairs_of_surrogates_are_characters(client):
    with pytest.raises(TypeError, match="the request cannot be sent: .* half of a surrogate pair"):
        client.run("def main(a): pass", NAME)
    assert client.run("def main(a): return a", "\ud83d\ude00").result == "\U0001f600"


def test_answers_that_cannot_be_sent_end_the_stream_with_the_reason(service):
    with pyexec.Client(f"http://{service.host}:{service.port}", patience=0) as client:
        broken = pyexec.Unreachable("no way there")

        def fail(*_):
            raise broken

        client._continue = fail
        begin = time.monotonic()
        with client.stream("def main(): return f()", tools={"f": lambda: 1}) as stream, pytest.raises(pyexec.Unreachable) as caught:
            stream.answer()
        assert caught.value is broken and time.monotonic() - begin < SOON
    service.wait_idle()


def test_a_job_that_has_begun_is_never_said_not_to_have_run():
    """A service that asks for a call, and is busy when it is answered."""
    parts = [(200, "calls", b'{"continue": "token", "calls": [{"id": "1", "name": "f", "args": []}]}'),
             (429, "busy", b'{"error": "no room"}')]

    def serve():
        connection, _ = listener.accept()
        with connection:
            for status, outcome, body in parts:
                data = b""
                while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                    data += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 %d X\r\nPyexec-Outcome: %b\r\nContent-Length: %d\r\n\r\n%b" % (status, outcome.encode(), len(body), body))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        with pyexec.Client(f"http://127.0.0.1:{listener.getsockname()[1]}", patience=0) as client, pytest.raises(pyexec.Busy) as caught:
            client.run("def main(): return f()", tools={"f": lambda: 1})
        thread.join()
    assert caught.value.was_run is True and "not run" not in str(caught.value)


def test_a_coroutine_is_a_tool_where_a_loop_runs_too(client):
    async def tool():
        await asyncio.sleep(0)
        return 7

    async def run():
        return client.run("def main(): return tool()", tools={"tool": tool}).result

    assert asyncio.run(run()) == 7


# Forks ----------------------------------------------------------------------------------------------------------------


FORKS = """
import os, sys
sys.path.insert(0, os.path.dirname(sys.argv[2]))
import pyexec

client = pyexec.Client(sys.argv[1])
with client.stream("def main(): print('on\\\\n', end=''); return ask()", tools={"ask": lambda: 1}) as stream:
    assert next(stream).text == "on\\n"
    numbers = client.map("def main(n): return n", range(2000), window=10)
    assert next(numbers).result == 0
    if os.fork() == 0:
        sys.exit(0)
    assert os.wait()[1] == 0
    print(stream.answer().result, sum(one.result for one in numbers))
"""


def test_a_child_that_ends_leaves_the_streams_of_its_parent_alone(service):
    done = subprocess.run([sys.executable, "-B", "-c", FORKS, f"http://{service.host}:{service.port}", pyexec.__file__], capture_output=True, text=True,
                          timeout=SOON)
    assert (done.returncode, done.stdout) == (0, f"1 {sum(range(2000))}\n"), done.stderr
