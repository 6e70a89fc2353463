"""POST /mcp as a client of either era uses it, without a client library."""

import json
import socket

STATELESS, HANDSHAKE = "2026-07-28", "2025-11-25"
ERAS = (STATELESS, HANDSHAKE)
VERSION, CAPABILITIES = "io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"
ACCEPT = "application/json, text/event-stream"


class Client:
    def __init__(self, service, version=STATELESS, headers=None):
        self.service, self.version, self.headers = service, version, headers or {}

    def parts(self, method, params, id=1, meta=None, headers=None):
        """The headers and the message of a request. headers: None takes one away."""
        head = {"Content-Type": "application/json", "Accept": ACCEPT, "MCP-Protocol-Version": self.version, **self.headers}
        params, meta = dict(params or {}), dict(meta or {})
        if self.version == STATELESS:
            meta = {VERSION: STATELESS, CAPABILITIES: {}, **meta}
            head["Mcp-Method"] = method
            if "name" in params:
                head["Mcp-Name"] = params["name"]
        if meta:
            params["_meta"] = meta
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        if id is None:
            del message["id"]
        head = {name: value for name, value in {**head, **(headers or {})}.items() if value is not None}
        return head, message

    def post(self, message, headers=None):
        """message: an object, or what is sent as it stands."""
        body = message if isinstance(message, (str, bytes)) else json.dumps(message)
        return self.service.request("POST", "/mcp", body, headers or {"Content-Type": "application/json", "Accept": ACCEPT})

    def ask(self, method, params=None, **parts):
        head, message = self.parts(method, params, **parts)
        return self.post(message, head)

    def result(self, method, params=None, **parts):
        answer = self.ask(method, params, **parts)
        assert answer.status == 200 and "result" in answer.body, answer
        return answer.body["result"]

    def error(self, status, code, method, params=None, **parts):
        """The message of an error that has this status and code."""
        return error_of(self.ask(method, params, **parts), status, code)

    def call(self, name, arguments=None, **parts):
        params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
        return self.result("tools/call", params, **parts)

    def run(self, code, **arguments):
        return self.call("run_python", {"code": code, **arguments})

    def value(self, code, **arguments):
        """Of code that has to succeed."""
        result = self.run(code, **arguments)
        assert result["isError"] is False, result
        return result["structuredContent"]["result"]

    def stream(self, name, arguments, token="p"):
        head, message = self.parts("tools/call", {"name": name, "arguments": arguments}, meta={"progressToken": token})
        return Stream(self.service, head, message)


def error_of(answer, status, code):
    assert (answer.status, answer.body["error"]["code"]) == (status, code), answer
    assert answer.body["jsonrpc"] == "2.0" and "result" not in answer.body
    return answer.body["error"]["message"]


def texts(result):
    return [item["text"] for item in result["content"] if item["type"] == "text"]


def images(result):
    return [item for item in result["content"] if item["type"] == "image"]


class Stream:
    """An answer of events, read as it comes. Closed at the end of a `with`."""

    def __init__(self, service, headers, message):
        body = json.dumps(message).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket = socket.create_connection((service.host, service.port), 60)
        self.socket.sendall(f"POST /mcp HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip():
            name, value = line.decode().split(": ", 1)
            self.headers[name.lower()] = value
        self.rest, self.pings, self.waiting = b"", 0, []
        self.messages = self._messages()

    def read_on(self):
        """Takes the next piece of the answer. Returns whether there was one."""
        size = int(self.file.readline() or b"0", 16)
        self.rest += self.file.read(size)
        self.file.readline()
        *whole, self.rest = self.rest.split(b"\n\n")
        for text in whole:
            if text.startswith(b":"):
                self.pings += 1
                continue
            name, data = text.split(b"\n")
            assert name == b"event: message" and data.startswith(b"data: "), text
            self.waiting.append(json.loads(data[6:]))
        return size > 0

    def _messages(self):
        more = True
        while more:
            more = self.read_on()
            while self.waiting:
                yield self.waiting.pop(0)

    @property
    def is_stream(self):
        return self.headers["content-type"] == "text/event-stream"

    def whole(self):
        """Of an answer that is no stream."""
        return json.loads(self.file.read(int(self.headers["content-length"])))

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
