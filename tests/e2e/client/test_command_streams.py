"""The command and its standard streams: closed, full, of another encoding; files that cannot be written; what is shown."""

import subprocess

import pytest
from batch_client import CLIENT, PATIENCE_SECONDS, as_lines, environment, url_of

FRAME = 'import pandas as pd\nframe = pd.DataFrame({"n": [1]})\n'
HTML = "class Html:\n    def _repr_html_(self): return '<b>'\n    def __repr__(self): return 'bold'\n"


@pytest.fixture
def shell(service, tmp_path):
    """Runs words of the command with redirections of a shell."""
    (tmp_path / "a.py").write_text("def main(): return 1")
    (tmp_path / "plot.py").write_text("def main():\n    import matplotlib.pyplot as plt\n    plt.plot([1])")
    (tmp_path / "jobs").write_bytes(as_lines([{"id": 1, "script": "def main(): return 1"}]))

    def run(words, redirections="", stdin=None):
        line = " ".join([*CLIENT, words, redirections])
        return subprocess.run(line, shell=True, cwd=tmp_path, env=environment(PYEXEC_URL=url_of(service)), input=stdin, capture_output=True,
                              timeout=PATIENCE_SECONDS)

    run.folder = tmp_path
    return run


@pytest.mark.parametrize("words", ["run a.py", "run a.py --live", "code 1", "health", "packages", "batch jobs", "repl", "--help"])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"], ids=["full", "closed"])
def test_output_that_cannot_be_written_is_exit_code_2(shell, words, where):
    done = shell(words, where, stdin=b"1\n2\n")
    assert (done.returncode, done.stdout) == (2, b"") and b"cannot write standard output" in done.stderr
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("words", ["run -", "code -", "run a.py --stdin -", "repl", "batch"])
def test_input_that_is_closed_is_exit_code_2(shell, words):
    done = shell(words, "<&-")
    assert (done.returncode, done.stdout) == (2, b"") and b"cannot read standard input" in done.stderr and b"Traceback" not in done.stderr


def test_what_needs_no_stream_does_without_it(shell):
    done = shell("batch jobs -o answers --quiet", "<&- >&- 2>&-")
    assert done.returncode == 0 and b'"result": 1' in (shell.folder / "answers").read_bytes()
    assert shell("run a.py", "<&- 2>&-").stdout == b"1\n"
    for where in ("2>&-", "2>/dev/full"):
        assert (shell("run nothing.py", where).returncode, shell("run a.py", where).stdout) == (2, b"1\n")


def test_pictures_that_cannot_be_saved_are_exit_code_2(shell):
    done = shell("run plot.py --displays --into /etc/hostname")
    assert done.returncode == 2 and b"cannot write" in done.stderr and b"Traceback" not in done.stderr


def test_files_of_one_name_are_refused(shell):
    for folder in ("a", "b"):
        (shell.folder / folder).mkdir()
        (shell.folder / folder / "x.csv").write_text(folder)
    done = shell("run a.py --file a/x.csv --file b/x.csv")
    assert done.returncode == 2 and b"two files are named x.csv" in done.stderr and b"--file NAME=b/x.csv" in done.stderr
    assert shell("run a.py --file a/x.csv --file y.csv=b/x.csv").returncode == 0
    assert b"--arg n=... is there twice" in shell("run a.py --arg n=1 --arg n=2").stderr


@pytest.mark.parametrize(
    "words, text, out",
    [
        ("code - --displays", FRAME + "frame", "   n\n0  1\n"),
        ("code - --displays", FRAME + "display(frame)\n7", "7\n   n\n0  1\n"),
        ("run - --displays", FRAME + "def main(): return frame", '[{"n": 1}]\n'),
        ("run - --displays", HTML + "def main():\n    display(Html())\n    return 1", "1\nbold\n"),
        ("repl", FRAME + "frame\n", "   n\n0  1\n"),
        ("repl", HTML + "\nHtml()\ndisplay(Html())\n", "bold\nbold\n"),
    ],
)
def test_a_value_is_shown_once(shell, words, text, out):
    done = shell(words, stdin=text.encode())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, out, b"")
