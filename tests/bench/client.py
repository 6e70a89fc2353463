"""A small HTTP client that measures: requests with the answers they must get, on connections that stay open.

All times are seconds.
"""

import contextlib
import json
import re
import select
import socket
import time

SOCKET_SECONDS = 60
SPIN_SECONDS = 0.0005
now = time.perf_counter


class WrongAnswer(Exception):
    pass


class Case:
    """A request and the answer that it must get."""

    def __init__(self, raw, expected):
        self.raw, self._expected, self._right = raw, json.dumps(expected, sort_keys=True), set()

    @classmethod
    def post(cls, script, expected):
        body = json.dumps({"script": script}).encode()
        head = "POST /execute HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        return cls(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, expected)

    def check(self, status, body):
        """Parses each distinct body once: parsing all of them would slow down the peak's client."""
        if status == 200 and body in self._right:
            return
        with contextlib.suppress(ValueError):
            if status == 200 and json.dumps(json.loads(body), sort_keys=True) == self._expected:
                self._right.add(body)
                return
        raise WrongAnswer(f"expected 200 {self._expected}, got {status} {body[:600]!r}")


class Connection:
    """One HTTP/1.1 connection that must stay open, on a raw socket."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, SOCKET_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, case):
        self.socket.sendall(case.raw)

    def receive(self):
        """Returns (status, body)."""
        data = self._read()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._read()
        head = data[:end].lower()
        if b"\r\nconnection: close" in head:
            raise WrongAnswer(f"the connection is not kept: {data[:600]!r}")
        size = end + 4 + int(re.search(rb"\r\ncontent-length: *(\d+)", head)[1])
        while len(data) < size:
            data += self._read()
        return int(head.split(b" ", 2)[1]), data[end + 4 :]

    def exchange(self, case):
        self.send(case)
        case.check(*self.receive())

    def _read(self):
        if not (data := self.socket.recv(1 << 16)):
            raise ConnectionError("the server closed the connection")
        return data

    def close(self):
        self.socket.close()


def wait_until(moment):
    """Sleeps, then spins for the last SPIN_SECONDS, so that a late wake-up is not taken for latency."""
    if (left := moment - now() - SPIN_SECONDS) > 0:
        time.sleep(left)
    while now() < moment:
        pass


def latencies(address, case, samples, interval):
    """Seconds to the complete answer, for each request, on one connection after one untimed request.

    interval > 0, seconds: open loop; counted from the intended send time, also where the answer before
    came too late to send then. 0: closed loop; counted from the send.
    """
    out = []
    with contextlib.closing(Connection(address)) as connection:
        connection.exchange(case)
        start = now() + interval
        for i in range(samples):
            intended = start + i * interval if interval else now()
            wait_until(intended)
            connection.send(case)
            answer = connection.receive()
            out.append(now() - intended)
            case.check(*answer)
    return out


def peak(address, case, connections, seconds):
    """Jobs per second, closed loop. The sum over connections of jobs / time of the last answer, so that a
    job longer than the window still counts with its right weight."""
    with contextlib.ExitStack() as stack:
        poll, clients = select.poll(), {}
        for _ in range(connections):
            client = stack.enter_context(contextlib.closing(Connection(address)))
            clients[client.socket.fileno()] = client
            poll.register(client.socket, select.POLLIN)
        start, rate, jobs = now(), 0.0, dict.fromkeys(clients, 0)
        for client in clients.values():
            client.send(case)
        while clients:
            ready = poll.poll(SOCKET_SECONDS * 1000)
            if not ready:
                raise TimeoutError(f"no answer within {SOCKET_SECONDS} s")
            for fd, _ in ready:
                case.check(*clients[fd].receive())
                jobs[fd] += 1
                elapsed = now() - start
                if elapsed < seconds:
                    clients[fd].send(case)
                else:
                    rate += jobs[fd] / elapsed
                    poll.unregister(fd)
                    del clients[fd]
    return rate
