"""Requests that are written to a socket as bytes."""

import json
import socket

from request_parts import FOREVER
from state import pool_of


def read_all(connection):
    """Until the server has closed it."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def raw(service, data, timeout=20):
    with socket.create_connection((service.host, service.port), timeout) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR) if data == b"" else None
        received = read_all(connection)
    service.check_raw(data, received)
    return received


def raw_request(script, extra=""):
    body = json.dumps({"script": script})
    return (
        f"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{extra}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def open_request(service, script):
    connection = socket.create_connection((service.host, service.port), 20)
    connection.sendall(raw_request(script))
    return connection


def start_to_sleep(service):
    connection = open_request(service, FOREVER)
    service.wait_until(lambda: pool_of(service)["running"] == 1)
    return connection


class Stream:
    """A batch whose lines are sent, and whose answers are read, as the test wants."""

    def __init__(self, service, head="Transfer-Encoding: chunked"):
        self.socket = socket.create_connection((service.host, service.port), 30)
        self.socket.sendall(f"POST /execute/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n{head}\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.lines = self._lines()

    def send(self, *jobs):
        data = "".join(json.dumps(job) + "\n" for job in jobs).encode()
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.socket.sendall(b"0\r\n\r\n")

    def _lines(self):
        while self.file.readline().strip():
            pass
        rest = b""
        while size := int(self.file.readline() or b"0", 16):
            rest += self.file.read(size)
            self.file.readline()
            *whole, rest = rest.split(b"\n")
            yield from map(json.loads, whole)

    def close(self):
        self.file.close()
        self.socket.close()
