"""Of the files in the working directory, those that a cell has written."""

import os
import sys

new_files = sys.modules["_pyexec_new_files"]
PATTERNS = ("*.png", "*.jpg")


def shown(run, code, only_new=True):
    options = (True, PATTERNS, 1 << 20, 100, 8, (), "", True, 0, 0, 0, "", only_new)
    kind, text, _, files = run(code, None, options)
    return kind, text, files


def names(run, code, only_new=True):
    return [name for name, _ in shown(run, code, only_new)[2]]


def test_only_what_the_code_has_written_comes_back(run, tmp_path):
    for name in ("old.png", "changed.png", "touched.png", "linked.png"):
        (tmp_path / name).write_text("old")
        os.utime(tmp_path / name, ns=(1, 1))
    code = (
        "import os\nopen('new.png', 'w').write('new')\nopen('changed.png', 'w').write('other')\nos.utime('touched.png')\n"
        "os.replace('linked.png', 'moved.png')\nopen('old.png').read()\nopen('new.txt', 'w').write('x')"
    )
    files = dict(shown(run, code)[2])
    assert files == {"new.png": b"new", "changed.png": b"other", "touched.png": b"old", "moved.png": b"old"}


def test_the_same_text_written_again_comes_back(run, tmp_path):
    (tmp_path / "a.png").write_text("old")
    os.utime(tmp_path / "a.png", ns=(1, 1))
    assert names(run, "open('a.png', 'w').write('old')") == ["a.png"]
    assert names(run, "open('a.png').read()") == []


def test_what_is_noted_of_a_directory(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    new_files.note(tmp_path)
    first = dict(new_files.before)
    assert list(first) == ["a"]
    new_files.note(tmp_path)
    assert new_files.before == first
    (tmp_path / "a").write_text("12")
    new_files.note(tmp_path)
    assert new_files.before != first
    new_files.note(tmp_path / "nothing")
    assert new_files.before == {}


def test_all_files_come_back_where_that_is_wanted(run, tmp_path):
    (tmp_path / "a.png").write_text("old")
    assert names(run, "1", only_new=False) == ["a.png"]
    assert names(run, "1") == []


def test_files_that_were_sent_do_not_come_back(run):
    options = (True, PATTERNS, 1 << 20, 100, 8, (), "", True, 0, 0, 0, "", True)
    sent = [("sent.png", b"1"), ("changed.png", b"2")]
    files = run("open('changed.png', 'a').write('3')", ("", b"", sent, ()), options)[3]
    assert files == [("changed.png", b"23")]
