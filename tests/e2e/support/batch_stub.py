"""A service that speaks POST /execute/batch and does what a test tells it to, answer by answer."""

import json
import socket
import threading


class Request:
    """One request of a client, on a connection of its own."""

    def __init__(self, connection):
        self.connection = connection
        self.file = connection.makefile("rb")
        self.head = []
        while (line := self.file.readline().strip()) != b"":
            self.head.append(line.decode())
        self.index = -1

    def header(self, name):
        return next((h.split(":", 1)[1].strip() for h in self.head if h.lower().startswith(name.lower() + ":")), None)

    def chunks(self):
        while (size := int(self.file.readline() or b"0", 16)) > 0:
            yield self.file.read(size)
            self.file.readline()
        self.file.readline()

    def lines(self):
        """Yields lines as they come, blank ones too. Only the others increase `index`."""
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line.strip():
                    self.index += 1
                yield line

    def jobs(self):
        """Pairs of an index and a job."""
        for line in self.lines():
            if line.strip():
                yield self.index, json.loads(line)

    def send(self, data):
        self.connection.sendall(data)

    def refuse(self, status, body, headers=""):
        self.send(f"HTTP/1.1 {status} Such\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode())

    def begin(self, content_type="application/x-ndjson"):
        self.send(
            f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )

    def text(self, data):
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def answer(self, index, job, outcome="ok", status=200, **members):
        entry = {"index": index, "id": job.get("id"), "outcome": outcome, "status": status, **members}
        self.text(json.dumps(entry).encode() + b"\n")

    def end(self):
        self.send(b"0\r\n\r\n")

    def answer_all(self):
        self.begin()
        for index, job in self.jobs():
            self.answer(index, job)
        self.end()


class Stub:
    """behave(request, number): what to do with the request of that number, from 0; then it is closed."""

    def __init__(self, behave):
        self.behave = behave
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.requests = 0
        self.problem = None
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                request = Request(connection)
                if not request.head:
                    return  # the connection that __exit__ makes
                number, self.requests = self.requests, self.requests + 1
                try:
                    self.behave(request, number)
                    # Bytes left unread would reset the connection before the client has read its answer.
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
                except OSError:
                    pass  # the client has gone
                except Exception as problem:
                    self.problem = problem
                request.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        socket.create_connection(self.listener.getsockname()).close()
        self.thread.join()
        self.listener.close()
        if self.problem:
            raise self.problem
