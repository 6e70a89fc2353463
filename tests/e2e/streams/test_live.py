"""Answers that are told while the job runs: server-sent events and lines of JSON."""

import json
import re
import socket
import threading

import pytest

from state import open_sockets, pool_of

SSE, NDJSON = "text/event-stream", "application/x-ndjson"
FOREVER = "import time\ndef main():\n    print('begun')\n    time.sleep(1000)"


class Live:
    """One live answer, read as it comes. Raw sockets: http.client reads ahead."""

    def __init__(self, service, fields, accept=NDJSON, version="1.1"):
        body = json.dumps(fields).encode()
        self.socket = socket.create_connection((service.host, service.port), 30)
        self.socket.sendall(
            f"POST /execute HTTP/{version}\r\nHost: x\r\nContent-Type: application/json\r\nAccept: {accept}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip():
            name, value = line.decode().split(": ", 1)
            self.headers[name] = value
        self.rest = b""
        self.is_whole = False

    def pieces(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield from iter(lambda: self.file.read1(65536), b"")
            self.is_whole = True
            return
        while size := int(self.file.readline() or b"0", 16):
            yield self.file.read(size)
            self.file.readline()
        self.is_whole = self.file.readline() == b"\r\n"

    def events(self):
        """(name, data) of each; a comment of SSE is a ping."""
        is_sse = self.headers["Content-Type"] == SSE
        separator = b"\n\n" if is_sse else b"\n"
        for piece in self.pieces():
            self.rest += piece
            while separator in self.rest:
                text, self.rest = self.rest.split(separator, 1)
                if text.startswith(b":"):
                    yield "ping", {}
                elif is_sse:
                    match = re.fullmatch(rb"event: (\w+)\ndata: (.*)", text)
                    yield match[1].decode(), json.loads(match[2])
                else:
                    data = json.loads(text)
                    yield data.pop("event"), data

    def close(self):
        self.file.close()
        self.socket.close()


def live(service, script, accept=NDJSON, **fields):
    answer = Live(service, {"script": script, **fields}, accept)
    events = list(answer.events())
    assert answer.status == 200 and answer.is_whole and answer.rest == b""
    answer.close()
    return events


def text_of(events, name):
    return "".join(data["text"] for event, data in events if event == name)


@pytest.mark.parametrize("accept", [SSE, NDJSON])
def test_a_job_is_told_as_events_and_ends_with_end(service, accept):
    script = "import sys\ndef main():\n    print('out')\n    print('err', file=sys.stderr)\n    return {'a': [1, 'é']}"
    events = live(service, script, accept)
    assert text_of(events, "stdout") == "out\n" and text_of(events, "stderr") == "err\n"
    assert events[-2] == ("result", {"result": {"a": [1, "é"]}})
    name, end = events[-1]
    assert name == "end" and (end["outcome"], end["status"]) == ("ok", 200)
    assert end["usage"]["run_ms"] > 0 and end["limits"]["timeout_ms"] == 3000


@pytest.mark.parametrize(
    "accept, kind",
    [
        (SSE, SSE), ("Text/Event-Stream;q=0.9", SSE), ("text/html, application/x-ndjson", NDJSON),
        ("application/json, text/event-stream", "application/json"), ("text/event-stream;q=0, application/x-ndjson", NDJSON),
        ("text/event-stream; q=0.0", "application/json"), ("text/event-stream;q=0.1", SSE), ("*/*", "application/json"), ("application/json", "application/json"), ("", "application/json"),
    ],
)
def test_the_accept_header_chooses(service, accept, kind):
    answer = Live(service, {"script": "def main(): return 1"}, accept)
    assert answer.headers["Content-Type"] == kind
    answer.close()


def test_output_comes_while_the_job_runs(service):
    answer = Live(service, {"script": FOREVER, "timeout_ms": 3000})
    events = answer.events()
    told = ""
    while told != "begun\n":  # a text and the end of its line may come apart
        name, data = next(events)
        assert name == "stdout" and "begun\n".startswith(told + data["text"])
        told += data["text"]
    assert pool_of(service)["running"] >= 1  # long before the job ends
    rest = list(events)
    assert [name for name, _ in rest] == ["error", "end"] and rest[-1][1]["outcome"] == "time_limit"
    answer.close()


def test_what_is_printed_at_once_is_told_together(service):
    script = "import os\ndef main():\n    for _ in range(2000): os.write(1, b'.')"
    events = live(service, script)
    assert text_of(events, "stdout") == "." * 2000
    assert len(events) < 500  # it takes a few times the 5 ms in which they are one


@pytest.mark.parametrize(
    "end, outcome, status",
    [
        ("os.abort()", "killed", 422), ("os._exit(1)", "exited", 422), ("1 / 0", "exception", 422),
        ("return object()", "not_serializable", 422), ("\n    while True: pass", "time_limit", 422),
        ("return bytearray(1 << 40)", "memory_limit", 422), ("return 'x' * (9 << 20)", "output_limit", 422),
    ],
)
def test_every_end_is_told_with_what_was_printed_before(service, end, outcome, status):
    events = live(service, f"import os\ndef main():\n    print('seen', end='')\n    {end}", **({"timeout_ms": 1500} if outcome == "time_limit" else {}))
    assert text_of(events, "stdout") == "seen"
    assert [name for name, _ in events[-2:]] == ["error", "end"]
    assert (events[-1][1]["outcome"], events[-1][1]["status"]) == (outcome, status)
    assert events[-2][1]["error"] and "error_detail" in events[-2][1]


def test_a_script_that_is_none_is_told_live_too(service):
    events = live(service, "def main(:")
    assert [name for name, _ in events] == ["error", "end"] and events[1][1]["outcome"] == "invalid_script"


def test_a_request_that_is_none_is_an_ordinary_answer(service):
    answer = Live(service, {"script": 3}, SSE)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.headers["Pyexec-Outcome"] == "invalid_request"
    answer.close()


def test_files_have_an_event(service):
    events = live(service, "def main(): open('a.txt', 'w').write('x')", return_files=["*"])
    assert [name for name, _ in events] == ["result", "files", "end"]
    assert events[1][1]["files"] == {"a.txt": {"base64": "eA==", "size": 1, "media_type": "text/plain"}}


def test_a_character_is_never_cut_in_two(service):
    script = "import os\ndef main():\n    for byte in '€é'.encode() * 200:\n        os.write(1, bytes([byte]))\n    os.write(1, b'\\xe2\\x82')"
    events = live(service, script)
    assert text_of(events, "stdout") == "€é" * 200 + "\ufffd"


def test_output_beyond_the_cap_is_cut_and_marked(service):
    events = live(service, "def main(): print('é' * 1000)", output_bytes=101)
    assert text_of(events, "stdout") == "é" * 50 and events[-1][1]["stdout_truncated"] is True


def test_silence_is_filled_with_pings(start):
    service = start(ping_ms=20, pool=1, timeout_ms=600_000)
    for accept in (SSE, NDJSON):
        answer = Live(service, {"script": FOREVER}, accept)
        events = answer.events()
        names = [next(events)[0] for _ in range(6)]  # what is printed may come in parts
        assert names.count("ping") >= 3, names
        answer.close()
        service.wait_until(lambda: pool_of(service)["running"] == 0)


def test_a_client_that_does_not_read_holds_up_nobody_and_no_worker(start):
    """Its socket is full, its job prints on, ends, and its worker is free; the answer waits for it."""
    service = start(pool=2, running=2, output_bytes=64 << 20)
    script = "import sys\ndef main():\n    for _ in range(30): sys.stdout.write('x' * (1 << 20))\n    return 7"
    slow = Live(service, {"script": script})
    service.wait_until(lambda: pool_of(service)["running"] == 0)
    assert service.execute("def main(): return 1").body["result"] == 1
    events = list(slow.events())
    assert len(text_of(events, "stdout")) == 30 << 20 and events[-2] == ("result", {"result": 7})
    slow.close()


def test_a_client_that_never_reads_is_cut_off(start):
    service = start(pool=1, output_bytes=64 << 20, read_timeout_ms=300)
    script = "import sys\ndef main():\n    for _ in range(30): sys.stdout.write('x' * (1 << 20))"
    slow = Live(service, {"script": script})
    service.wait_until(lambda: pool_of(service)["running"] == 0)
    service.wait_until(lambda: open_sockets(service) == 0)
    names = []
    try:
        names += [name for name, _ in slow.events()]
    except (ConnectionError, ValueError):  # the answer ends within a chunk
        pass
    assert "end" not in names and not slow.is_whole
    slow.close()


def test_an_http_1_0_client_gets_the_events_until_the_connection_ends(service):
    answer = Live(service, {"script": "def main(): return 1"}, version="1.0")
    assert "Transfer-Encoding" not in answer.headers
    assert [name for name, _ in answer.events()] == ["result", "end"]
    answer.close()


def test_a_connection_serves_on_after_a_live_answer(service):
    connection = service.connect()
    headers = {"Content-Type": "application/json", "Accept": SSE}
    for _ in range(3):
        answer = service.request("POST", "/execute", json.dumps({"script": "def main(): return 1"}), headers, connection)
        assert answer.raw.endswith(b"\n\n") and b"event: end" in answer.raw
    assert service.execute("def main(): return 2", connection).body["result"] == 2
    connection.close()


def test_many_live_answers_at_once(start):
    service = start(pool=8, running=8)
    done = []

    def one(number):
        events = live(service, "import time\ndef main(n):\n    print(n)\n    time.sleep(0.05)\n    return n", args=[number])
        done.append((text_of(events, "stdout"), events[-2][1]["result"]))

    threads = [threading.Thread(target=one, args=[n]) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done, key=lambda pair: pair[1]) == [(f"{n}\n", n) for n in range(30)]


@pytest.mark.parametrize("accept", [SSE, "*/*"])
def test_a_client_that_asks_to_close_is_closed(service, accept):
    body = b'{"script": "def main(): return 1"}'
    with socket.create_connection((service.host, service.port), 20) as client:
        client.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: %s\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (accept.encode(), len(body), body))
        received = b"".join(iter(lambda: client.recv(65536), b""))  # ends, long before the idle timeout
    assert b"\r\nConnection: close\r\n" in received and b'"result": 1' in received


def test_pings_come_while_nothing_new_is_told(start):
    service = start(ping_ms=50, pool=1)
    script = "import time\ndef main():\n    for _ in range(200):\n        print('x' * 10, flush=True)\n        time.sleep(0.01)"
    answer = Live(service, {"script": script, "output_bytes": 5})
    names = [name for name, _ in answer.events()]
    assert names.count("stdout") == 1 and names.count("ping") >= 2, names
    answer.close()
