"""Clients as they are: what means one thing only is taken, and what is wrong is called what it is."""

import base64
import gzip
import json
import zlib

import pytest

from raw_http import raw
from request_parts import JSON, NDJSON, OK
from service import Answer

FIELDS = ("args", "stdin", "files", "env", "timeout_ms", "memory_mb", "output_bytes", "verbose", "return_files")


def send(service, body, path="/execute", **headers):
    """What a body means that is compressed is not held against the document; its answer is."""
    headers = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    connection = service.connect()
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    service.check("POST", path, answer)
    return answer


def send_lines(service, body):
    return send(service, body, "/execute/batch", Content_Type="application/x-ndjson", Content_Encoding="gzip")


def lines_of(answer):
    return [json.loads(line) for line in answer.raw.splitlines()]


def test_null_is_the_field_left_out(service):
    answer = service.post({"script": OK} | dict.fromkeys(FIELDS))
    assert answer.status == 200 and answer.body == {"result": 1, "stdout": ""}
    answer = service.post({"script": None} | dict.fromkeys(FIELDS))
    assert answer.status == 400 and answer.body["error"] == "'script' field must be a string, not null"


def test_null_in_a_batch_is_the_field_left_out(service):
    batch = [{"defaults": True, "script": "def main(n): return n", "args": [5], "stdin": None, "progress_ms": None},
             {"args": None, "defaults": None, "id": None, "script": None}, {"args": [6], "timeout_ms": 2e3}]
    answer = service.request("POST", "/execute/batch", "\r\n".join(map(json.dumps, batch)), NDJSON)
    assert sorted(line["result"] for line in lines_of(answer)) == [5, 6], answer


def test_a_message_of_a_queue_may_have_nulls(service):
    job = base64.encodebytes(json.dumps({"script": OK, "args": None, "timeout_ms": 2000.0}).encode()).decode()
    message = {"message": {"data": job, "messageId": "nulls-1", "attributes": None}, "subscription": "s", "deliveryAttempt": None}
    answer = service.request("POST", "/queue/pubsub", json.dumps(message), {"Content-Type": "application/json"})
    assert answer.status == 200 and answer.body["result"] == 1, answer


@pytest.mark.parametrize("number", ["2000", "2000.0", "2e3", "20000e-1"])
def test_a_whole_number_is_one_however_it_is_written(service, number):
    answer = send(service, '{"script": "def main(): return 1", "verbose": true, "timeout_ms": %s}' % number)
    assert answer.body["limits"]["timeout_ms"] == 2000


def test_integers_of_any_size_are_args_and_floats_stay_as_they_are(service):
    script = "def main(*values): return [[type(v).__name__, v] for v in values]"
    for number in (10**307, 10**308, 10**400 + 7, -(10**4000) - 1, 2**64, -(2**63) - 1):
        assert service.post({"script": script, "args": [number]}).body["result"] == [["int", number]]
    floats = [0.1, 1e308, 5e-324, -0.0, 1.0, 1e16, 123456789.123456789]
    told = service.post({"script": script, "args": floats}).body["result"]
    assert [float.hex(value) for _, value in told] == [value.hex() for value in floats]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf"])
def test_a_byte_order_mark_is_passed_over(service, mark):
    script = mark.decode() + OK
    assert send(service, mark + json.dumps({"script": script}, ensure_ascii=False).encode()).body["result"] == 1
    answer = service.request("POST", "/execute/batch", mark + json.dumps({"script": script}).encode() + b"\r\n", NDJSON)
    assert [line["result"] for line in lines_of(answer)] == [1]


def test_paths_that_are_one_are_one(service):
    script = "import os\ndef main():\n    os.makedirs('out')\n    open('out/b.txt', 'w').write('b')\n    return open('in/a.txt').read()"
    answer = service.post({"script": script, "files": {"./in//a.txt": "a"}, "return_files": ["./out/./*.txt"]})
    assert answer.body["result"] == "a" and list(answer.body["files"]) == ["out/b.txt"]
    answer = service.post({"script": OK, "files": {"./a": "", "a": ""}})
    assert answer.status == 400 and answer.body["error"] == "'files' entries './a' and 'a' are the same file"



@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP", "identity"])
def test_a_body_may_come_compressed(service, name):
    body = json.dumps({"script": "def main(n): return len(n)", "args": ["x" * 1_000_000]}).encode()
    packed = body if name == "identity" else gzip.compress(body)
    assert send(service, packed, Content_Encoding=name).body["result"] == 1_000_000
    lines = b"\n".join(json.dumps({"script": OK, "id": i}).encode() for i in range(20))
    packed = lines if name == "identity" else gzip.compress(lines[:300]) + gzip.compress(lines[300:])
    answer = send(service, packed, "/execute/batch", Content_Type="application/x-ndjson", Content_Encoding=name)
    assert sorted(line["id"] for line in lines_of(answer)) == list(range(20))


@pytest.mark.parametrize("path", ["/execute", "/execute/batch"])
@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip", "zstd"])
def test_another_content_encoding_is_named(service, path, name):
    answer = send(service, zlib.compress(b"{}"), path, Content_Encoding=name)
    assert (answer.status, answer.outcome) == (415, "invalid_request")
    assert f"'{name}'" in answer.body["error"] and "gzip" in answer.body["error"]
    assert answer.headers["Accept-Encoding"] == "gzip"


def test_what_is_no_gzip_is_called_that(service):
    packed = gzip.compress(json.dumps({"script": OK}).encode())
    for body in (json.dumps({"script": OK}), packed[:-3], packed[:20], b"\x1f\x8b" + b"x" * 50):
        answer = send(service, body, Content_Encoding="gzip")
        assert answer.status == 400 and "gzip" in answer.body["error"], answer
        answer = send_lines(service, body)
        assert "gzip" in lines_of(answer)[-1]["error"], answer


def test_a_bomb_is_refused_where_it_is_too_large(service):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(200)) + packer.flush()
    answer = send(service, bomb, Content_Encoding="gzip")
    assert (answer.status, answer.outcome) == (413, "invalid_request")
    answer = send_lines(service, bomb)
    assert [line["status"] for line in lines_of(answer)] in ([413], []), answer
    assert service.execute(OK).status == 200


def test_a_request_without_host_is_refused(service):
    refused = raw(service, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 400 ") and b"Host" in refused
    assert raw(service, b"GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert raw(service, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 ")
    assert raw(service, b"GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("target", ["http://example.org/healthz", "HTTPS://x:1/healthz?a=b", "/healthz"])
def test_an_absolute_target_is_the_path_in_it(service, target):
    received = raw(service, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target.encode())
    assert received.startswith(b"HTTP/1.1 200 ") and received.endswith(b'{"status": "ok"}')


def test_a_raw_line_break_is_called_that(service):
    answer = send(service, '{"script": "def main():\n    return 1"}')
    assert answer.status == 400
    assert answer.body["error"] == (
        "invalid JSON at byte 23: a raw line break in a string, which JSON writes as \\n (line 1, column 24)"
    )
