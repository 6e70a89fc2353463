"""The Python client's connections: kept, broken, encrypted, through proxies; and what is sent again."""

import contextlib
import socket
import ssl
import subprocess
import threading

import pyexec
import pytest
from need import need

OK = b'{"result": 1, "stdout": ""}'


class Peer:
    """Accepts connections, and does with each what a test says. behave(connection, number)."""

    def __init__(self, behave, context=None):
        self.behave, self.context = behave, context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self.connections, self.heads = 0, []
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            if self.listener.fileno() < 0 or self.ending:
                return connection.close()
            self.threads.append(threading.Thread(target=self.handle, args=(connection, self.connections)))
            self.connections += 1
            self.threads[-1].start()

    ending = False

    def handle(self, connection, number):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(60)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                self.behave(connection, number)

    def request(self, connection):
        """Reads one request. Returns its body, or None at the end of the connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        return body

    def serve(self, connection, *_):
        while self.request(connection) is not None:
            answer(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self.threads:
            thread.join()
        self.listener.close()


def answer(connection, status=200, outcome="ok", body=OK, headers=""):
    connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nPyexec-Outcome: {outcome}\r\n"
                       f"{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def peer_that_serves(context=None):
    peer = Peer(lambda connection, number: peer.serve(connection), context)
    return peer


# Connections ----------------------------------------------------------------------------------------------------------


def test_many_requests_go_over_one_connection():
    with peer_that_serves() as peer, pyexec.Client(peer.url) as client:
        assert [client.run("def main(): return 1").result for _ in range(20)] == [1] * 20
        assert peer.connections == 1


def test_the_service_keeps_the_connection_of_a_stream(service):
    seen = set()
    with pyexec.Client(f"http://{service.host}:{service.port}") as client:
        for _ in range(3):
            with client.stream("def main(): return 1") as stream:
                assert stream.answer().result == 1
            seen |= {connection.sock.getsockname() for connection, _ in client._transport.kept}
    assert len(seen) == 1


def test_a_connection_that_was_closed_while_idle_is_not_used_again():
    def behave(connection, number):
        peer.request(connection)
        answer(connection)  # and it is closed, which nobody was told of

    with Peer(behave) as peer, pyexec.Client(peer.url) as client:
        for _ in range(5):
            assert client.run("def main(): return 1").result == 1
            assert [kept.sock.recv(1, socket.MSG_PEEK) for kept, _ in client._transport.kept] == [b""]
        assert peer.connections == 5


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
def test_a_job_is_not_sent_twice_when_its_answer_is_lost(kept):
    def behave(connection, number):
        if kept:
            peer.request(connection)
            answer(connection)
        peer.request(connection)  # and it is closed without an answer

    with Peer(behave) as peer, pyexec.Client(peer.url) as client:
        if kept:
            client.run("def main(): return 1")
        with pytest.raises(pyexec.AnswerLost, match="may have run") as caught:
            client.run("def main(): return 1")
        assert caught.value.was_run is None
        assert len(peer.heads) == 1 + kept


def test_what_can_be_repeated_is_when_a_kept_connection_breaks():
    def behave(connection, number):
        peer.request(connection)
        answer(connection)
        peer.request(connection)
        if number > 0:
            answer(connection)

    with Peer(behave) as peer, pyexec.Client(peer.url) as client:
        client.health()
        assert client.health() == {"result": 1, "stdout": ""}
        assert peer.connections == 2


def test_an_answer_that_breaks_off_is_lost_and_not_half_there():
    def behave(connection, number):
        peer.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nPyexec-Outcome: ok\r\nContent-Length: 100\r\n\r\n{")

    with Peer(behave) as peer, pyexec.Client(peer.url) as client, pytest.raises(pyexec.AnswerLost):
        client.run("def main(): return 1")


def test_a_stream_that_breaks_off_is_lost():
    def behave(connection, number):
        peer.request(connection)
        line = b'{"event": "stdout", "text": "on"}\n'
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"%x\r\n%b\r\n" % (len(line), line))

    with Peer(behave) as peer, pyexec.Client(peer.url) as client, client.stream("def main(): return 1") as stream:
        assert next(stream).text == "on"
        with pytest.raises(pyexec.AnswerLost):
            next(stream)


def test_a_refusal_before_the_body_was_read_is_told():
    def behave(connection, number):
        connection.recv(100)
        answer(connection, 413, "invalid_request", b'{"error": "too large"}', "Connection: close\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with Peer(behave) as peer, pyexec.Client(peer.url) as client:
        with pytest.raises(pyexec.InvalidRequest, match="too large"):
            client.run("def main(): return 1", files={"a": b"x" * (8 << 20)})


def test_where_nobody_listens_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(pyexec.Unreachable, match="Connection refused") as caught:
        pyexec.Client(url).run("def main(): return 1")
    assert url in str(caught.value) and caught.value.was_run is False


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
def test_what_is_no_pyexec_is_told_from_one(body):
    def behave(connection, number):
        peer.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with Peer(behave) as peer, pyexec.Client(peer.url) as client, pytest.raises(pyexec.UnexpectedAnswer):
        client.run("def main(): return 1")


def test_a_redirection_is_named_and_not_followed():
    def behave(connection, number):
        peer.request(connection)
        connection.sendall(b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n")

    with Peer(behave) as peer, pyexec.Client(peer.url, "the-key") as client:
        with pytest.raises(pyexec.UnexpectedAnswer, match="redirects to https://elsewhere/"):
            client.run("def main(): return 1")


@pytest.mark.parametrize(
    "url, said",
    [
        ("localhost:8080", "is not a URL"),
        ("ftp://x", "is not a URL"),
        ("http://", "names no host"),
        ("http://x:99999", "99999"),
        ("http://user:secret@x", "must not hold a user"),
        ("http://x/?a=1", "a '?' or '#'"),
        ("http://[::1", "not closed"),
        ("http://x/a b", "is not a URL"),
    ],
)
def test_an_address_that_is_none_is_refused(url, said):
    with pytest.raises(ValueError, match=said.replace("?", r"\?")) as caught:
        pyexec.Client(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url, authority", [("http://[::1]:81/a/", "[::1]:81"), ("https://x.org", "x.org"), ("http://x:80", "x")])
def test_an_address_is_kept_as_it_is_sent(url, authority):
    assert pyexec.Client(url)._transport.url.authority == authority


# What is sent again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["busy", "rate_limited"])
def test_a_job_that_was_not_run_is_sent_again(outcome):
    def behave(connection, number):
        for _ in range(2):
            peer.request(connection)
            answer(connection, 429, outcome, b'{"error": "later"}', "Retry-After: 0\r\n")
        peer.serve(connection)

    with Peer(behave) as peer, pyexec.Client(peer.url) as client:
        assert client.run("def main(): return 1").result == 1
        assert len(peer.heads) == 3


@pytest.mark.parametrize("outcome, kind", [("busy", pyexec.Busy), ("rate_limited", pyexec.RateLimited)])
@pytest.mark.parametrize("patience, seconds", [(0, 1), (30, 31)])
def test_without_patience_it_says_when_to_try_again(outcome, kind, patience, seconds):
    def behave(connection, number):
        peer.request(connection)
        answer(connection, 429, outcome, b'{"error": "later"}', f"Retry-After: {seconds}\r\n")

    with Peer(behave) as peer, pyexec.Client(peer.url, patience=patience) as client:
        with pytest.raises(kind, match=f"it was not run; try again after {seconds} s") as caught:
            client.run("def main(): return 1")
        assert (caught.value.retry_after, caught.value.was_run, len(peer.heads)) == (seconds, False, 1)


@pytest.mark.parametrize("status, outcome", [(500, "internal"), (422, "time_limit"), (410, "gone")])
def test_what_may_have_run_is_not_sent_again(status, outcome):
    def behave(connection, number):
        while peer.request(connection) is not None:
            answer(connection, status, outcome, b'{"error": "no"}', "Retry-After: 0\r\n")

    with Peer(behave) as peer, pyexec.Client(peer.url) as client:
        with pytest.raises(pyexec.ERRORS[outcome]):
            client.run("def main(): return 1")
        assert len(peer.heads) == 1


def test_a_service_that_is_started_again_is_waited_for():
    client = None

    def behave(connection, number):
        peer.request(connection)
        answer(connection)

    with Peer(behave) as peer:
        client = pyexec.Client(peer.url)
        client.run("def main(): return 1")
        port = peer.port
    refused = threading.Event()
    connect = client._transport.connect

    def connect_and_tell():
        try:
            return connect()
        except pyexec.Unreachable:
            refused.set()
            raise

    client._transport.connect = connect_and_tell
    done = []
    thread = threading.Thread(target=lambda: done.append(client.run("def main(): return 1").result))
    thread.start()
    assert refused.wait(30)
    with socket.create_server(("127.0.0.1", port)) as listener:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            answer(connection)
            thread.join()
    assert done == [1]


# https ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA of our own, with a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}",
                "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign,cRLSign")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "30",
            "-extfile", "extensions")
    return folder


def passed_on(one, other):
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for end in (one, other):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def joined(one, other):
    thread = threading.Thread(target=passed_on, args=(one, other))
    thread.start()
    passed_on(other, one)
    thread.join()


@pytest.fixture
def tls(service, certificates):
    """Speaks https in front of the service. A thread of its own reads while another writes, so each direction has a pipe."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")

    def behave(connection, number):
        """One thread: a TLS connection is not read and written at once."""
        with socket.create_connection((service.host, service.port)) as inner:
            while True:
                readable, _ = pyexec._wait_ready([connection, inner], [], 0 if connection.pending() else 60)
                if connection in readable or connection.pending():
                    data = connection.recv(65536)
                    if not data:
                        return
                    inner.sendall(data)
                if inner in readable:
                    data = inner.recv(65536)
                    if not data:
                        return
                    connection.sendall(data)

    with Peer(behave, context) as peer:
        yield peer


@need("openssl")
def test_https_is_spoken_with_a_ca_that_is_trusted(tls, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with pyexec.Client(tls.url) as client:
        assert [client.run("def main(n): return n", n).result for n in range(3)] == [0, 1, 2]
        assert tls.connections == 1
        with client.stream("def main(): print('a'); return 2") as stream:
            assert stream.answer().result == 2
        results = [one.result for one in client.map("def main(n): return 'x' * n", range(0, 200_000, 1000))]
        assert [len(one) for one in results] == list(range(0, 200_000, 1000))
    with pyexec.Client(tls.url, ssl_context=ssl.create_default_context(cafile=str(certificates / "ca.pem"))) as client:
        assert client.run("def main(): return 1").result == 1


@need("openssl")
def test_a_certificate_of_another_ca_is_refused(tls, certificates, monkeypatch):
    for ca in ("other.pem", None):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates / ca)) if ca else monkeypatch.delenv("SSL_CERT_FILE")
        with pyexec.Client(tls.url) as client:
            with pytest.raises(pyexec.Unreachable, match="certificate is not trusted"):
                client.run("def main(): return 1")
            with pytest.raises(pyexec.Unreachable, match="certificate is not trusted"):
                next(client.map("def main(n): return 1", [1]))


@need("openssl")
def test_a_certificate_of_another_host_is_refused(tls, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with pytest.raises(pyexec.Unreachable, match="certificate is not trusted"):
        pyexec.Client(tls.url.replace("127.0.0.1", "localhost")).run("def main(): return 1")


# Proxies --------------------------------------------------------------------------------------------------------------


class Proxy(Peer):
    """Forwards http, and connects for https. first_lines: of all requests."""

    def __init__(self):
        self.first_lines, self.authorized = [], []
        super().__init__(self.forward)

    def forward(self, connection, number):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.first_lines.append(lines[0])
        self.authorized += [line.split(": ")[1] for line in lines if line.lower().startswith("proxy-authorization")]
        method, target, _ = lines[0].split()
        if method == "CONNECT":
            host, port = target.split(":")
        else:
            host, port = target.split("/")[2].split(":")
        with socket.create_connection((host, int(port))) as inner:
            if method == "CONNECT":
                connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                inner.sendall(data)
            joined(connection, inner)


def test_http_goes_through_the_proxy_of_the_environment(service, monkeypatch):
    url = f"http://{service.host}:{service.port}"
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:pass%20word@127.0.0.1:{proxy.port}")
        with pyexec.Client(url) as client:
            assert client.run("def main(): return 1").result == 1
            assert [one.result for one in client.map("def main(n): return n", range(3))] == [0, 1, 2]
        assert proxy.first_lines == [f"POST {url}/execute HTTP/1.1"] + [f"POST {url}/execute/batch HTTP/1.1"] * 2
        assert set(proxy.authorized) == {"Basic dXNlcjpwYXNzIHdvcmQ="}
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert pyexec.Client(url).run("def main(): return 1").result == 1
        assert len(proxy.first_lines) == 3


@need("openssl")
def test_https_goes_through_the_proxy_unread(tls, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with Proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
        with pyexec.Client(tls.url) as client:
            assert client.run("def main(): return 1").result == 1
            assert [one.result for one in client.map("def main(n): return n", range(3))] == [0, 1, 2]
        assert {line.rpartition(" ")[0] for line in proxy.first_lines} == {f"CONNECT 127.0.0.1:{tls.port}"}


def test_a_proxy_that_does_not_answer_is_named(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(pyexec.Unreachable, match=f"through the proxy 127.0.0.1:{port}"):
        pyexec.Client("http://127.0.0.1:1").run("def main(): return 1")
