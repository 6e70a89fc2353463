"""What was written is not lost: files left open, wrapped output, children."""

import base64
import gzip
import io
import zipfile

import pytest


def files_of(answer):
    return {name: base64.b64decode(file["base64"]) for name, file in answer.body["files"].items()}


@pytest.mark.parametrize(
    "left, name, content",
    [
        ("f = open('a', 'w'); f.write('text')", "a", b"text"),
        ("f = open('a', 'wb'); f.write(b'bytes')", "a", b"bytes"),
        ("f = open('a', 'w+'); f.write('both')", "a", b"both"),
        ("f = open('a', 'w+b'); f.write(b'random')", "a", b"random"),
        ("import io; f = io.TextIOWrapper(io.BufferedWriter(io.FileIO('a', 'w'))); f.write('layers')", "a", b"layers"),
        ("import pathlib; f = pathlib.Path('a').open('w'); print('printed', file=f)", "a", b"printed\n"),
        ("import csv; f = open('a', 'w', newline=''); csv.writer(f).writerow([1, 2])", "a", b"1,2\r\n"),
        ("import logging; logging.basicConfig(filename='a', format='%(message)s'); logging.error('logged')", "a", b"logged\n"),
        ("f = [open('a', 'w')]; f.append(f); f[0].write('circle')", "a", b"circle"),
    ],
)
@pytest.mark.parametrize("end", ["return 1", "raise ValueError", "import sys; sys.exit(1)"])
def test_a_file_left_open_is_whole(service, left, name, content, end):
    for script in (f"{left}\ndef main():\n    {end}", f"def main():\n    global f\n    {left}\n    {end}"):
        answer = service.post({"script": script, "return_files": ["*"]})
        assert files_of(answer) == {name: content}, answer


def test_archives_left_open_are_whole(service):
    script = """
import bz2, gzip, lzma, zipfile
text = gzip.open("a.gz", "wt"); text.write("zipped")
plain = bz2.open("a.bz2", "wb"); plain.write(b"x")
archive = zipfile.ZipFile("a.zip", "w"); archive.writestr("inner", "in it")
def main(): pass
"""
    files = files_of(service.post({"script": script, "return_files": ["*"]}))
    assert gzip.decompress(files["a.gz"]) == b"zipped"
    assert zipfile.ZipFile(io.BytesIO(files["a.zip"])).read("inner") == b"in it"
    assert __import__("bz2").decompress(files["a.bz2"]) == b"x"


@pytest.mark.parametrize(
    "setup",
    [
        "f = sys.stdout = open(1, 'w')",
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')",
        "sys.stdout = io.TextIOWrapper(io.BufferedWriter(sys.stdout.buffer), encoding='utf-8')",
        "inner = io.TextIOWrapper(sys.stdout.buffer); sys.stdout = io.TextIOWrapper(io.BufferedWriter(inner.buffer), encoding='utf-8')",
        "sys.stdout = codecs.getwriter('utf-8')(io.BufferedWriter(sys.stdout.buffer))",
        "sys.stdout = open('/dev/stdout', 'w')",
        "sys.stdout.reconfigure(write_through=False)",
        "sys.stdout = os.fdopen(os.dup(1), 'w')",
    ],
)
@pytest.mark.parametrize("end, outcome", [("return 1", "ok"), ("raise ValueError", "exception")])
def test_wrapped_output_is_not_lost(service, setup, end, outcome):
    answer = service.execute(f"import codecs, io, os, sys\n{setup}\ndef main():\n    print('sp\u00e4t')\n    {end}")
    assert (answer.outcome, answer.body["stdout"]) == (outcome, "spät\n")


def test_nobody_waits_for_a_pipe_that_nobody_reads(service):
    script = """
import fcntl, os, threading
def main():
    reading, writing = os.pipe()
    global f, g
    f, g = os.fdopen(writing, "wb"), os.fdopen(os.dup(writing), "wb")
    g.write(b"x")
    threading.Thread(target=lambda: f.write(b"x" * 1000000) and f.flush(), daemon=True).start()
    return "back"
"""
    assert service.execute(script).body["result"] == "back"


@pytest.mark.parametrize("spoil", ["gc.get_objects = None", "sys.stdout = None", "sys.stdout = sys.stderr = 5", "os.close(1); os.close(2)",
                                   "import contextlib; contextlib.suppress = None"])
def test_what_a_script_makes_of_python_is_its_own_loss(service, spoil):
    answer = service.execute(f"import gc, os, sys\ndef main():\n    {spoil}\n    return 1")
    assert answer.body == {"result": 1, "stdout": ""}


def test_output_knows_that_it_cannot_seek(service):
    script = """
import sys, io, pandas as pd
def main():
    pd.DataFrame({"a": [1]}).to_csv(sys.stdout.buffer, index=False)
    return [sys.stdin.seekable(), sys.stdout.seekable(), sys.stdout.buffer.seekable(), sys.stderr.seekable(), sys.stdin.read()]
"""
    answer = service.post({"script": script, "stdin": "x"})
    assert answer.body == {"result": [False, False, False, False, "x"], "stdout": "a\n1\n"}


CHILD = """
import os, sys
f = None
def status_of(end):
    global f
    child = os.fork()
    if child == 0:
        f = open("left", "w")
        f.write("by a child")
        exec(end)
        return "child"
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def main():
    found = []
    for end in ENDS:
        status = status_of(end)
        if status == "child": return
        found.append(status)
    return found
"""


def test_a_child_ends_as_python_ends_a_process(service):
    ends = ["sys.exit(3)", "raise RuntimeError('trouble')", "sys.exit('words')", "sys.exit()", "pass", "os._exit(9)", "sys.exit(256 + 4)"]
    answer = service.post({"script": f"ENDS = {ends}\n" + CHILD, "verbose": True, "return_files": ["*"]})
    assert answer.outcome == "ok" and answer.body["result"] == [3, 1, 1, 0, 0, 9, 4], answer
    stderr = answer.body["stderr"]
    assert "RuntimeError: trouble\n" in stderr and "\nwords\n" in stderr and "in status_of" in stderr and "pyexec" not in stderr
    assert files_of(answer) == {"left": b"by a child"[:0]} or files_of(answer)["left"] in (b"by a child", b"")


def test_what_a_child_left_open_is_written(service):
    answer = service.post({"script": "ENDS = ['pass', 'sys.exit(1)']\n" + CHILD, "return_files": ["*"]})
    assert files_of(answer) == {"left": b"by a child"}, answer


def test_classes_that_nobody_can_compare_keep_no_file_from_being_whole(service):
    script = """
class Meta(type):
    def __eq__(self, other): raise ValueError
class Odd(metaclass=Meta): pass
def main():
    global f, odd
    odd = [Odd() for _ in range(3)]
    f = open("a", "w")
    f.write("text")
"""
    assert files_of(service.post({"script": script, "return_files": ["a"]})) == {"a": b"text"}


@pytest.mark.parametrize("status", range(116, 128))
def test_no_exit_status_of_a_script_is_the_services_fault(service, status):
    """Nor may one make a queue deliver its message again, as a fault of the service does."""
    answer = service.execute(f"import os\ndef main():\n    os._exit({status})")
    assert (answer.status, answer.outcome) == (422, "exited"), answer
