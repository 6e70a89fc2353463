"""Files of a session: bytes of any kind, by name."""

import json

import pytest

from sessions import Session


@pytest.fixture
def session(service):
    with Session(service) as one:
        yield one


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)) * 10, b"\xff\x00" * (1 << 20)])
def test_bytes_come_back_as_they_were(session, data):
    assert session.put("a.bin", data).status == 204
    answer = session.get("a.bin")
    assert (answer.status, answer.raw) == (200, data)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_cells_read_and_write_them(session):
    session.put("in/a.csv", b"n\n1\n2\n")
    assert session.result("import pandas\nint(pandas.read_csv('in/a.csv').n.sum())") == 3
    session.result("open('out.txt', 'w').write('written')\nimport os; os.chdir('in')")
    assert session.get("out.txt").raw == b"written"
    session.put("in/a.csv", b"again")
    assert session.result("open('a.csv').read()") == "again"


def test_they_are_no_cells(session):
    session.put("a", b"1")
    session.get("a")
    shown = session.show().body
    assert (shown["cells"], shown["cells_run"], shown["states"]) == ([], 0, 1)


@pytest.mark.parametrize("name", ["a%20b.txt", "%C3%A9.txt", "x%2Ay", "a%3Fb", "d/e/f", "[a]"])
def test_names_are_percent_encoded(session, name):
    session.put("other", b"not this")
    assert session.put(name, b"this").status == 204
    assert session.get(name).raw == b"this"


@pytest.mark.parametrize("name", ["..%2Fx", "../x", "%2Fetc%2Fpasswd", "a/../../x", "%zz", "a%00b", "%FF"])
def test_names_that_lead_elsewhere_are_refused(session, name):
    for answer in (session.put(name, b"x"), session.get(name)):
        assert (answer.status, answer.outcome) == (400, "invalid_request"), answer


def test_a_file_that_is_not_there(session):
    answer = session.get("none")
    assert (answer.status, answer.outcome) == (404, "not_found")
    session.result("import os\nos.symlink('/usr/lib/os-release', 'link'); os.mkdir('directory'); os.mkfifo", return_files=[])
    assert session.get("link").status == 404
    assert session.get("directory").status == 404


def test_a_body_larger_than_the_directory_is_not_read(start):
    with Session(start(pool=1, tmp_mb=40, file_mb=100)) as session:
        connection = session.service.connect()
        connection.putrequest("PUT", f"{session.path}/files/large")
        connection.putheader("Content-Length", str((40 << 20) + 1))
        connection.endheaders()
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        assert (answer.status, told["error"]) == (413, f"request body is larger than the limit of {40 << 20} bytes")


def test_more_than_fits_is_refused_and_the_session_goes_on(start):
    with Session(start(pool=1, tmp_mb=4, input_bytes=8 << 20, file_mb=100)) as session:
        answer = session.put("large", b"x" * (6 << 20))
        assert (answer.status, answer.outcome) == (413, "invalid_request")
        assert "No space left" in answer.body["error"]
        assert session.put("large", b"x" * (1 << 20)).status == 204
        assert session.result("1") == 1


def test_a_file_as_large_as_the_directory_allows_comes_back(start):
    """And what was sent as well: however small the bodies and files of other requests may be."""
    with Session(start(pool=1, tmp_mb=80, file_mb=80, input_bytes=1 << 20, return_bytes=1 << 20, timeout_ms=20000)) as session:
        session.result("open('large', 'wb').write(b'x' * (30 << 20))")
        answer = session.get("large")
        assert answer.status == 200 and answer.raw == b"x" * (30 << 20)
        assert session.put("sent", b"y" * (35 << 20)).status == 204
        assert session.result("import os; [os.path.getsize('sent'), open('sent', 'rb').read(2).decode()]") == [35 << 20, "yy"]
        assert session.get("sent").raw == b"y" * (35 << 20)
