"""Which files of a script are returned."""

import os
import socket
import subprocess

import pytest

from conftest import EXCEPTION, EXITED, INVALID_ARGUMENTS, INVALID_SCRIPT, MEMORY_LIMIT, NOT_SERIALIZABLE, OUTPUT_LIMIT, VALUE

COUNT, DEPTH, BYTES = 1000, 8, 1 << 20


def files_of(run, source, patterns, inputs=None, files_bytes=BYTES, count=COUNT, depth=DEPTH):
    if "def main" not in source:
        source = f"import os\nfrom pathlib import Path\ndef main():\n    {source}"
    kind, text, _, files = run(source, inputs, (False, patterns, files_bytes, count, depth, []))
    assert all(type(name) is str and type(data) is bytes for name, data in files)
    return kind, text, files


TREE = ("a.txt", "b.csv", ".hidden", "out/1.png", "out/2.txt", "out/deep/3.png", "out/deep/er/4.png", "other/out/5.png", "a[1].txt")
MAKE_TREE = f"for name in {TREE!r}: Path(name).parent.mkdir(parents=True, exist_ok=True); Path(name).write_text(name)"


@pytest.mark.parametrize(
    "patterns, names",
    [
        (["a.txt"], ["a.txt"]),
        (["./a.txt", "out//1.png"], ["a.txt", "out/1.png"]),
        (["*"], [".hidden", "a.txt", "a[1].txt", "b.csv"]),
        (["*.txt"], ["a.txt", "a[1].txt"]),
        (["?.*"], ["a.txt", "b.csv"]),
        (["[ab].*"], ["a.txt", "b.csv"]),
        (["[!a].*"], ["b.csv"]),
        (["a[[]1].txt"], ["a[1].txt"]),
        ([".*"], [".hidden"]),
        (["out/*"], ["out/1.png", "out/2.txt"]),
        (["out/**"], ["out/1.png", "out/2.txt", "out/deep/3.png", "out/deep/er/4.png"]),
        (["**/*.png"], ["other/out/5.png", "out/1.png", "out/deep/3.png", "out/deep/er/4.png"]),
        (["**"], sorted(TREE)),
        (["**/**"], sorted(TREE)),
        (["out/**/4.png"], ["out/deep/er/4.png"]),
        (["out/**/**/1.png"], ["out/1.png"]),
        (["**/out/*.png"], ["other/out/5.png", "out/1.png"]),
        (["*/*/*"], ["other/out/5.png", "out/deep/3.png"]),
        (["a.txt", "*.txt", "**"], sorted(TREE)),
        (["out"], []),
        (["a.txt/**"], []),
        (["", ".", "/", "..", "../*", "/etc/passwd", "../../../etc/passwd", "nothing", "A.TXT", "["], []),
    ],
)
def test_patterns(run, patterns, names):
    kind, text, files = files_of(run, MAKE_TREE, patterns)
    assert (kind, text) == (VALUE, "null")
    assert files == [(name, name.encode()) for name in names]


def test_without_patterns_nothing_is_returned(run):
    assert files_of(run, MAKE_TREE, [])[2] == []
    assert run("def main(): open('x', 'w')")[3] == []


def test_data_is_what_was_written(run):
    everything = bytes(range(256)) * 3000
    assert files_of(run, f"Path('x').write_bytes(bytes(range(256)) * 3000); Path('y').touch()", ["*"])[2] == [("x", everything), ("y", b"")]


@pytest.mark.parametrize(
    "end, kind",
    [("return 1", VALUE), ("raise ValueError", EXCEPTION), ("raise SystemExit(3)", EXITED), ("return main", NOT_SERIALIZABLE),
     ("raise MemoryError", MEMORY_LIMIT), ("return 'x' * 2000000", OUTPUT_LIMIT)],
)
def test_files_come_back_however_main_ended(run, end, kind):
    outcome = files_of(run, f"def main():\n    open('x', 'w').write('1')\n    {end}", ["x"])
    assert (outcome[0], outcome[2]) == (kind, [("x", b"1")])
    assert "return_files" not in outcome[1]


def test_no_files_of_a_script_that_did_not_get_to_main(run):
    assert files_of(run, "open('x', 'w')\ndef main(a): pass", ["x"], ("[]", b"", [], []))[::2] == (INVALID_ARGUMENTS, [])
    assert files_of(run, "open('x', 'w')\ndef main2(a): pass\nmain = 3", ["x"])[::2] == (INVALID_SCRIPT, [])


def test_input_files_that_match_come_back_too(run):
    inputs = ("", b"", [("in/a", b"1"), ("in/b", b"2")], [])
    assert files_of(run, "Path('in/b').write_text('3')", ["in/*"], inputs)[2] == [("in/a", b"1"), ("in/b", b"3")]


LINKS = """
os.symlink('/etc/passwd', 'passwd'); os.symlink('/etc', 'etc'); os.symlink('real', 'link'); os.symlink('dir', 'dirlink')
    os.symlink('nowhere', 'dangling'); os.symlink('loop', 'loop'); os.symlink('.', 'here'); os.symlink('..', 'up')
    Path('real').write_text('r'); Path('dir').mkdir(); Path('dir/file').write_text('f'); os.link('real', 'hard')
"""


@pytest.mark.parametrize("patterns", [["**"], ["*", "*/*"], ["passwd", "etc/passwd", "dirlink/file", "up/**", "link", "here/real", "dir/file", "real", "hard"]])
def test_symbolic_links_are_neither_returned_nor_followed(run, patterns):
    kind, _, files = files_of(run, LINKS.strip(), patterns)
    assert kind == VALUE and files == [("dir/file", b"f"), ("hard", b"r"), ("real", b"r")]


def test_only_regular_files_are_read(run, tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(tmp_path)
    listener.bind("socket")
    os.chdir(here)
    if os.geteuid() == 0:
        os.mknod(tmp_path / "zero", 0o20666, os.makedev(1, 5))
    kind, _, files = files_of(run, "os.mkfifo('fifo'); Path('file').touch()", ["**", "fifo", "socket", "zero"])
    assert kind == VALUE and files == [("file", b"")]


def test_the_directory_is_the_one_the_job_began_in(run):
    script = "import os\ndef main():\n    open('x', 'w')\n    os.chdir('/etc')\n    os.environ['TMPDIR'] = '/etc'"
    assert files_of(run, script, ["*"])[2] == [("x", b"")]


def test_a_directory_that_is_not_there_has_no_files(run, tmp_path):
    assert files_of(run, f"import shutil; shutil.rmtree({str(tmp_path)!r})", ["**"])[::2] == (VALUE, [])
    tmp_path.mkdir()


def test_count_limit(run):
    assert len(files_of(run, "[Path(str(n)).touch() for n in range(5)]", ["*"], count=5)[2]) == 5
    assert files_of(run, "[Path(str(n)).touch() for n in range(6)]", ["*"], count=5) == (
        OUTPUT_LIMIT, "return_files: 6 files match, more than the limit of 5", [])
    assert len(files_of(run, "[Path(str(n)).touch() for n in range(9)]", ["[0-4]"], count=5)[2]) == 5


def test_bytes_limit(run, tmp_path):
    assert files_of(run, "Path('a').write_bytes(b'x' * 60); Path('b').write_bytes(b'x' * 40)", ["*"], files_bytes=100)[0] == VALUE
    over = (OUTPUT_LIMIT, "return_files: more than the limit of 100 bytes", [])
    assert files_of(run, "Path('a').write_bytes(b'x' * 60); Path('b').write_bytes(b'x' * 41)", ["*"], files_bytes=100) == over
    assert files_of(run, "Path('a').write_bytes(b'x' * 101)", ["*"], files_bytes=100) == over
    assert files_of(run, "open('a', 'w').truncate(1 << 40)", ["*"], files_bytes=100) == over  # of holes
    for name in "ab":
        (tmp_path / name).unlink()
    assert files_of(run, "Path('a').touch()", ["*"], files_bytes=0)[::2] == (VALUE, [("a", b"")])


def test_depth_limit(run):
    make = "Path('a/b/c').mkdir(parents=True, exist_ok=True); Path('a/b/file').touch()"
    assert files_of(run, make + "; Path('a/b/c').rmdir()", ["**"], depth=2)[::2] == (VALUE, [("a/b/file", b"")])
    assert files_of(run, make, ["**"], depth=2) == (
        OUTPUT_LIMIT, "return_files: 'a/b/c/...' lies deeper than the limit of 2 directories", [])
    assert files_of(run, make, ["a/*/*"], depth=2)[::2] == (VALUE, [("a/b/file", b"")])
    assert files_of(run, make, ["*"], depth=0)[::2] == (VALUE, [])


def test_a_tree_deeper_than_names_and_descriptors_reach(run, tmp_path):
    deep = "for _ in range(3000): os.mkdir('d'); os.chdir('d')"
    kind, text, _ = files_of(run, deep, ["**"], depth=100)
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # pytest's own way does not reach down
    assert kind == OUTPUT_LIMIT and text.endswith("lies deeper than the limit of 100 directories")


def test_a_script_that_failed_too_is_not_forgotten(run):
    kind, text, files = files_of(run, "def main():\n    open('x', 'w').write('12')\n    raise ValueError('mine')", ["x"], files_bytes=1)
    assert kind == OUTPUT_LIMIT and files == [] and text.startswith("return_files: more than the limit of 1 bytes\n")
    assert text.endswith("ValueError: mine")


def test_names_that_are_not_utf8_are_escaped(run):
    kind, _, files = files_of(run, r"open(b'\xff\xc3\xa9', 'w'); open(b'a\n', 'w')", ["*"])
    assert (kind, files) == (VALUE, [("\\xffé", b""), ("a\n", b"")])
    assert files_of(run, r"open(b'\xff', 'w'); open('\\xff', 'w')", ["*"])[1] == r"return_files: two files are named '\\xff'"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_said_as_root_cannot(run):
    kind, text, _ = files_of(run, "Path('x').touch(0)", ["*"])
    assert (kind, text) == (OUTPUT_LIMIT, "return_files: 'x' cannot be read: Permission denied")


def test_a_job_without_descriptors_left(run):
    make = "import resource; Path('x').touch(); resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))"
    kind, text, _ = files_of(run, make, ["*"])
    assert kind == OUTPUT_LIMIT and text.endswith("cannot be read: Too many open files")


def test_files_that_come_and_go_while_they_are_read(run):
    script = """
import itertools, os, threading
def churn():
    for n in itertools.count():
        name = f"f{n % 50}"
        try:
            if n % 3 == 0: open(name, "w").write("x" * n)
            elif n % 3 == 1: os.unlink(name)
            else: os.symlink("/etc/passwd", name)
        except OSError: pass
def main():
    threading.Thread(target=churn, daemon=True).start()
"""
    for _ in range(10):
        kind, text, files = files_of(run, script, ["**"], files_bytes=1 << 26)
        assert kind == VALUE, text
        assert all(set(data) <= {120} for _, data in files)


def test_a_patched_os_changes_nothing(run):
    script = "import os, re, fnmatch\ndef main():\n    open('x', 'w').write('1')\n    os.open = os.read = os.scandir = os.fstat = None"
    assert files_of(run, script, ["*"])[::2] == (VALUE, [("x", b"1")])


def test_whatever_stops_the_walk_is_an_error_of_the_job(run):
    kind, text, files = files_of(run, "import fnmatch; fnmatch.translate = None; Path('x').touch()", ["*"])
    assert (kind, text, files) == (OUTPUT_LIMIT, "return_files: TypeError", [])


def test_a_child_that_comes_back_from_main_does_not_report(run):
    kind, _, files = files_of(run, "if os.fork(): os.wait()\n    Path('x').touch()\n    return os.getpid()", ["*"])
    assert kind == VALUE and files == [("x", b"")]
