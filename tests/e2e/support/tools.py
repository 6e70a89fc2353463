"""A job with tools, as its caller drives it: runs the functions that the script calls until the job has ended."""

import json
import socket

from request_parts import JSON

NDJSON = "application/x-ndjson"


def send_answers(service, token, results, **headers):
    return service.request("POST", "/execute/continue", json.dumps({"continue": token, "results": results}), {**JSON, **headers})


def begin(service, path="/execute", headers=None, **request):
    """Returns the first answer of a job."""
    return service.request("POST", path, json.dumps(request), {**JSON, **(headers or {})})


def parked(service, path="/execute", headers=None, **request):
    """Begins a job that has to call. Returns the answer's body."""
    answer = begin(service, path, headers, **request)
    assert (answer.status, answer.outcome) == (200, "calls"), answer
    return answer.body


def answer_of(functions, call):
    """An entry of `results`: what the function returned, or raised."""
    args = call["args"]
    try:
        function = functions[call["name"]]
        value = function(*args) if isinstance(args, list) else function(**args)
    except Exception as error:
        return {"id": call["id"], "error": str(error)}
    return {"id": call["id"], "result": value}


class Run:
    """answer: the last one. rounds: the calls of each one before."""

    def __init__(self, answer, rounds):
        self.answer, self.rounds = answer, rounds

    @property
    def result(self):
        assert self.answer.outcome == "ok", self.answer
        return self.answer.body["result"]

    @property
    def calls(self):
        return [call for calls in self.rounds for call in calls]


def drive(service, functions, path="/execute", headers=None, **request):
    """Runs a job to its end. functions: by name; `tools` defaults to their names."""
    request.setdefault("tools", list(functions))
    answer = begin(service, path, headers, **request)
    rounds = []
    while answer.outcome == "calls":
        rounds.append(answer.body["calls"])
        results = [answer_of(functions, call) for call in rounds[-1]]
        answer = send_answers(service, answer.body["continue"], results, **(headers or {}))
    return Run(answer, rounds)


class LiveRun:
    """A live answer, read as it comes: each event is (name, members). Closed at the end of a `with`."""

    def __init__(self, service, path="/execute", accept=NDJSON, headers=None, **request):
        body = json.dumps(request).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.service, self.headers = service, headers or {}
        self.socket = socket.create_connection((service.host, service.port), 30)
        self.socket.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: {accept}\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass
        self.events = self._events(b"\n" if accept == NDJSON else b"\n\n")

    def _events(self, separator):
        rest = b""
        while size := int(self.file.readline() or b"0", 16):
            rest += self.file.read(size)
            self.file.readline()
            *whole, rest = rest.split(separator)
            for text in whole:
                if separator == b"\n":
                    members = json.loads(text)
                    yield members.pop("event"), members
                elif not text.startswith(b":"):
                    name, data = text.split(b"\n")
                    yield name[7:].decode(), json.loads(data[6:])

    def next(self, wanted):
        """Skips to the next event of this name."""
        for name, members in self.events:
            if name == wanted:
                return members
        raise AssertionError(f"no event {wanted}")

    def answer(self, call, **entry):
        """entry: its result, or error."""
        return send_answers(self.service, call["continue"], [{"id": call["id"], **entry}], **self.headers)

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def drive_live(service, functions, accept=NDJSON, **request):
    """Returns all events of a job, each of whose calls is answered as it comes."""
    request.setdefault("tools", list(functions))
    told = []
    with LiveRun(service, accept=accept, **request) as run:
        for name, members in run.events:
            told.append((name, members))
            if name == "call":
                accepted = send_answers(service, members["continue"], [answer_of(functions, members)], **run.headers)
                assert (accepted.status, accepted.body) == (202, {"accepted": 1}), accepted
    return told
