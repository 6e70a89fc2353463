"""What an answer tells on request: `verbose` and `return_files`, and the headers that tell without asking."""

import base64
import re

import pytest

from request_parts import post

VERBOSE = ["stderr", "error_detail", "usage", "limits", "outcome"]
USAGE = ["queue_ms", "run_ms", "total_ms", "cpu_ms", "peak_memory_bytes", "exit_code", "signal"]


def verbose(service, script, **fields):
    return post(service, script, verbose=True, **fields).body


def test_without_asking_nothing_is_added(service):
    for fields in ({}, {"verbose": False}, {"return_files": []}):
        assert list(post(service, "import sys\ndef main(): print(1, file=sys.stderr)", **fields).body) == ["result", "stdout"]


def test_a_verbose_answer_begins_as_the_plain_one(service):
    body = verbose(service, "def main(): return 1")
    assert list(body) == ["result", "stdout", *VERBOSE] and list(body["usage"]) == USAGE
    body = verbose(service, "def main(): 1 / 0")
    assert list(body) == ["error", "stdout", *VERBOSE] and body["outcome"] == "exception"


@pytest.mark.parametrize("value", [1, "true", [], {}])
def test_verbose_is_true_or_false(service, value):
    answer = post(service, "def main(): return 1", verbose=value)
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert answer.body["error"].startswith("'verbose' field must be true or false, not ")


def test_stderr_is_all_that_was_written_to_descriptor_2(service):
    script = (
        "import os, sys, warnings\ndef main():\n    print('from print', file=sys.stderr)\n    os.write(2, b'raw \\xff\\n')\n"
        "    warnings.warn('careful')\n    os.write(1, b'out')"
    )
    body = verbose(service, script)
    assert body["stdout"] == "out" and body["stderr"].startswith("from print\nraw \ufffd\n")
    assert "UserWarning: careful" in body["stderr"]
    if service.health()["isolation"]["features"]["subprocess"]:
        script = "import subprocess\ndef main(): subprocess.run('echo from a program >&2', shell=True)"
        assert verbose(service, script)["stderr"] == "from a program\n"


def test_stderr_has_the_cap_of_stdout_and_its_own_mark(service):
    body = verbose(service, "import sys\ndef main(): print('é' * 100, file=sys.stderr)", output_bytes=11)
    assert (body["stderr"], body["stderr_truncated"]) == ("é" * 5, True) and "stdout_truncated" not in body


@pytest.mark.parametrize("asked", [False, True])
def test_a_flood_of_stderr_neither_blocks_the_job_nor_grows_the_answer(service, asked):
    script = "import sys\ndef main():\n    for _ in range(3000): sys.stderr.write('x' * 1000)\n    return 1"
    answer = post(service, script, verbose=asked)
    assert answer.body["result"] == 1 and len(answer.raw) < 1_100_000


def test_what_was_written_to_stderr_before_the_end_is_there(service):
    for end, outcome in (("os.abort()", "killed"), ("os._exit(3)", "exited"), ("1 / 0", "exception")):
        body = verbose(service, f"import os, sys\ndef main():\n    print('last words', file=sys.stderr)\n    {end}")
        assert (body["stderr"], body["outcome"]) == ("last words\n", outcome)


def test_usage_is_the_supervisors_measure(service):
    usage = verbose(service, "import time\ndef main(): time.sleep(0.2)")["usage"]
    assert 200 <= usage["run_ms"] <= usage["total_ms"] and usage["cpu_ms"] < usage["run_ms"]
    assert usage["queue_ms"] <= usage["total_ms"] and (usage["exit_code"], usage["signal"]) == (None, None)
    script = "import time\ndef main():\n    begin = time.process_time()\n    while time.process_time() - begin < 0.3: pass"
    assert 300 <= verbose(service, script)["usage"]["cpu_ms"] < 3000
    script = "def main():\n    kept = bytearray(50 << 20)\n    kept[::4096] = b'x' * len(kept[::4096])"
    peak = verbose(service, script)["usage"]["peak_memory_bytes"]
    assert 45 << 20 <= peak < 60 << 20  # the kernel counts pages in lots
    assert verbose(service, "def main(): return 1")["usage"]["peak_memory_bytes"] < 5 << 20


def test_usage_counts_programs_that_the_job_waited_for(service):
    if not service.health()["isolation"]["features"]["subprocess"]:
        pytest.skip("no programs at this level")
    script = (
        "import subprocess, sys\ndef main():\n    subprocess.run([sys.executable, '-c', "
        "'import time\\nwhile time.process_time() < 0.3: pass'], check=True)"
    )
    assert verbose(service, script)["usage"]["cpu_ms"] >= 300


@pytest.mark.parametrize(
    "end, code, signal",
    [
        ("os._exit(7)", 7, None), ("sys.exit(3)", 3, None), ("sys.exit()", 0, None), ("os.abort()", None, "SIGABRT"),
        ("os.kill(os.getpid(), 9)", None, "SIGKILL"), ("return 1", None, None),
    ],
)
def test_how_a_job_ended_is_told(service, end, code, signal):
    usage = verbose(service, f"import os, sys\ndef main():\n    {end}")["usage"]
    assert (usage["exit_code"], usage["signal"]) == (code, signal)


def test_limits_are_those_of_the_job(service):
    body = verbose(service, "def main(): return 1", timeout_ms=1000, memory_mb=100)
    assert body["limits"] == {"timeout_ms": 1000, "memory_mb": 100, "output_bytes": 1 << 20}


def test_error_detail_names_the_place_in_the_script(service):
    script = "import json\n\ndef deeper(x):\n    return json.loads(x)\n\ndef main():\n    return deeper('{')\n"
    detail = verbose(service, script)["error_detail"]
    assert detail["type"] == "json.decoder.JSONDecodeError" and detail["message"].startswith("Expecting property name")
    assert (detail["line"], detail["source_start_line"]) == (4, 2)
    assert detail["source"].splitlines() == ["", "def deeper(x):", "    return json.loads(x)", "", "def main():"]
    assert detail["traceback"].startswith("Traceback (most recent call last):\n  File \"/tmp/script.py\", line 7, in main")
    assert "runner" not in detail["traceback"]


def test_error_detail_of_a_syntax_error(service):
    detail = verbose(service, "def main():\n    return (1\n\n")["error_detail"]
    assert (detail["type"], detail["line"], detail["traceback"]) == ("SyntaxError", 2, "")
    assert verbose(service, "def main(): return 1")["error_detail"] is None


def test_error_detail_is_bounded_and_always_text(service):
    body = verbose(service, "def main(): raise ValueError('\\ud800' + 'x' * 10_000_000)")
    assert len(body["error_detail"]["message"]) < 20_000 and body["outcome"] == "exception"
    script = "class E(Exception):\n    def __str__(self): raise SystemExit\ndef main(): raise E"
    assert verbose(service, script)["error_detail"]["type"] == "script.E"


PLOT = "import matplotlib.pyplot as plt\ndef main():\n    plt.plot([1, 3, 2])\n    plt.title('T')\n    plt.savefig('plot.png')"


def files_of(service, script, patterns, **fields):
    answer = post(service, script, return_files=patterns, **fields)
    return answer, {name: base64.b64decode(file["base64"]) for name, file in answer.body.get("files", {}).items()}


def test_a_plot_comes_back_as_a_file(service):
    answer, files = files_of(service, PLOT, ["*.png"], timeout_ms=3000)
    assert answer.status == 200, answer
    assert list(files) == ["plot.png"] and files["plot.png"].startswith(b"\x89PNG\r\n\x1a\n")
    told = answer.body["files"]["plot.png"]
    assert (told["size"], told["media_type"]) == (len(files["plot.png"]), "image/png")


WRITE = (
    "import os\ndef main(*names):\n    for name in names:\n        os.makedirs(os.path.dirname(name) or '.', exist_ok=True)\n"
    "        open(name, 'w').write(name)"
)


@pytest.mark.parametrize(
    "patterns, found",
    [
        (["*"], ["a.txt", "b.csv"]), (["**"], ["a.txt", "b.csv", "out/c.txt", "out/d/e.txt"]), (["*.csv"], ["b.csv"]),
        (["out/**"], ["out/c.txt", "out/d/e.txt"]), (["out/*"], ["out/c.txt"]), (["**/*.txt"], ["a.txt", "out/c.txt", "out/d/e.txt"]),
        (["?.txt", "b*"], ["a.txt", "b.csv"]), (["none"], []), ([], None),
    ],
)
def test_patterns_choose_files(service, patterns, found):
    answer, files = files_of(service, WRITE, patterns, args=["a.txt", "b.csv", "out/c.txt", "out/d/e.txt"])
    if found is None:
        assert "files" not in answer.body
    else:
        assert sorted(files) == found and all(files[name] == name.encode() for name in found)


@pytest.mark.parametrize("patterns", ["*", [1], ["/etc/*"], ["../*"], [""], ["a//"], [["*"]], ["*"] * 101])
def test_bad_patterns_are_a_400(service, patterns):
    answer = post(service, "def main(): return 1", return_files=patterns)
    assert (answer.status, answer.outcome) == (400, "invalid_request") and "return_files" in answer.body["error"]


def test_links_and_what_is_no_file_are_not_followed(service):
    script = (
        "import os\ndef main():\n    os.symlink('/etc/passwd', 'link')\n    os.symlink('/usr/lib', 'dir')\n    os.mkfifo('fifo')\n"
        "    open('real', 'w').write('x')"
    )
    answer, files = files_of(service, script.replace("    os.mkfifo('fifo')\n", ""), ["**"])
    assert answer.status == 200 and files == {"real": b"x"}, answer


def test_files_come_back_from_a_failed_job_too(service):
    answer, files = files_of(service, "def main():\n    open('a', 'w').write('half')\n    1 / 0", ["a"])
    assert answer.outcome == "exception" and files == {"a": b"half"}
    answer, files = files_of(service, "import os\ndef main():\n    open('a', 'w').write('half')\n    os._exit(1)", ["a"])
    assert answer.outcome == "exited" and files == {}


def test_more_files_or_bytes_than_the_limit_are_an_output_limit(start):
    service = start(pool=1, return_files=2, return_bytes=100, return_depth=1)
    good, files = files_of(service, WRITE, ["**"], args=["a", "d/b"])
    assert good.status == 200 and list(files) == ["a", "d/b"]
    for script, args, problem in (
        (WRITE, ["a", "b", "c"], "more than the limit of 2"),
        ("def main(): open('a', 'w').write('x' * 101)", None, "limit of 100"),
        (WRITE, ["d/e/f"], "limit of 1"),
    ):
        answer, files = files_of(service, script, ["**"], **({"args": args} if args else {}))
        assert (answer.status, answer.outcome, files) == (422, "output_limit", {}), answer
        assert problem in answer.body["error"] and "return_files" in answer.body["error"]


FORGE_FILES = """
import os, struct
def entry(*texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
def report(files):
    sections = [(2, b"\\x01"), (3, b"1"), (5, bytes(24)), (11, b""), (8, files), (18, b"")]
    body = b"".join(struct.pack("<BI", tag, len(data)) + data for tag, data in sections)
    return b"PYX1" + struct.pack("<HHI", 3, 0, len(body)) + body
def main():
    os.write(3, report({}))
    os._exit(0)
"""


@pytest.mark.parametrize(
    "files, outcome",
    [
        ("entry(b'a', b'forged')", "ok"), ("entry(b'../a', b'')", "output_limit"), ("entry(b'/a', b'')", "output_limit"),
        ("entry(b'a', b'') * 2", "output_limit"), ("entry(b'a', b'')[:-1]", "not_serializable"),
        ("b''.join(entry(b'%d' % n, b'') for n in range(101))", "not_serializable"), ("entry(b'\\xff', b'')", "ok"),
    ],
)
def test_forged_files_are_names_and_bytes_and_no_more(service, files, outcome):
    answer, got = files_of(service, FORGE_FILES.format(files), ["*"])
    assert answer.outcome == outcome, answer
    if outcome == "ok":
        assert got in ({"a": b"forged"}, {"\ufffd": b""})


def test_files_that_nobody_asked_for_are_a_broken_report(service):
    assert post(service, FORGE_FILES.format("entry(b'a', b'')")).outcome == "not_serializable"


def test_every_answer_of_a_job_tells_its_times_and_every_answer_its_id(service):
    answer = service.execute("import time\ndef main(): time.sleep(0.1)")
    times = dict(re.findall(r"(\w+);dur=([\d.]+)", answer.headers["Server-Timing"]))
    assert list(times) == ["queue", "run", "total"] and 100 <= float(times["run"]) <= float(times["total"])
    seen = {service.request("GET", "/healthz").headers["X-Request-Id"] for _ in range(3)}
    assert len(seen) == 3 and all(re.fullmatch("[0-9a-f]{32}", one) for one in seen)
    sent = service.request("GET", "/nowhere", headers={"X-Request-Id": "mine-1.2:3"})
    assert (sent.status, sent.headers["X-Request-Id"]) == (404, "mine-1.2:3")
    bad = service.request("GET", "/healthz", headers={"X-Request-Id": "no spaces"})
    assert re.fullmatch("[0-9a-f]{32}", bad.headers["X-Request-Id"])


FORGE_TEXT = """
import os, struct
def main():
    sections = [(2, b"\\x03"), (3, b"\\x01" * (9 << 20)), (5, bytes(24)), (11, b""), (8, b""), (18, b"")]
    body = b"".join(struct.pack("<BI", tag, len(data)) + data for tag, data in sections)
    frame = b"PYX1" + struct.pack("<HHI", 3, 0, len(body)) + body
    while frame:
        frame = frame[os.write(3, frame):]
    os._exit(0)
"""


def test_a_forged_error_does_not_take_the_room_of_the_files(service):
    """Each of its characters would be six in the answer."""
    answer = post(service, FORGE_TEXT, return_files=["*"])
    assert answer.outcome == "not_serializable" and len(answer.raw) < 1000


def test_names_of_files_may_be_longer_as_text_than_they_are(service):
    script = "import os\ndef main(): os.close(os.open(b'\\xe9' * 200, os.O_CREAT | os.O_WRONLY))"
    answer, files = files_of(service, script, ["*"])
    assert answer.status == 200 and list(files) == ["\\xe9" * 200], answer
