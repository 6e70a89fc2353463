"""An error of a job says what it has to do with this service, and what to do about it."""

import json

import pytest


def test_the_limits_are_named_with_the_field_that_sets_them(service):
    answer = service.post({"script": "def main():\n    while True: pass", "timeout_ms": 300})
    assert answer.body["error"] == "execution time limit exceeded: 300 ms (timeout_ms)"
    answer = service.post({"script": "def main(): return len(bytes(1 << 40))", "memory_mb": 64})
    assert answer.body["error"] == "memory limit exceeded: 64 MiB (memory_mb)"


def test_detail_of_a_memory_limit_has_the_line_and_what_python_knew(service):
    script = "import numpy as np\ndef main():\n    return np.ones((1 << 40,)).sum()"
    detail = service.post({"script": script, "verbose": True}).body["error_detail"]
    assert detail["line"] == 3 and "8.00 TiB" in detail["message"]


@pytest.mark.parametrize("body, outcome", [
    ('eval("-" * 100000 + "1")', "exception"),
    ('compile("(" * 100000, "x", "exec")', None),
    ('__import__("ast").literal_eval("-" * 100000 + "1")', "exception"),
    ('eval("-" * 10 ** 12)', "memory_limit"),
    ('exec("x = bytearray(1 << 40)")', "memory_limit"),
    ("[0] * 10 ** 13", "memory_limit"),
    ("__import__('mmap').mmap(-1, 1 << 42)", "memory_limit"),
])
def test_the_parsers_limit_is_not_that_of_memory(service, body, outcome):
    answer = service.execute(f"def main():\n    return {body}")
    assert answer.outcome == outcome or outcome is None, answer
    assert ("memory limit exceeded" in answer.body["error"]) == (outcome == "memory_limit")


def test_a_library_that_finds_no_room_is_a_memory_limit(service):
    answer = service.post({"script": "import matplotlib.pyplot\ndef main(): return 1", "memory_mb": 20, "verbose": True})
    assert answer.outcome == "memory_limit" and answer.body["error_detail"]["line"] == 1, answer


@pytest.mark.parametrize(
    "script, words",
    [
        ("import seaborn\ndef main(): pass", "There is no module 'seaborn' here"),
        ("def main():\n    import sklearn.linear_model", "There is no module 'sklearn' here"),
        ("import pandas as pd\ndef main(): return pd.DataFrame({'a': [1]}).to_xarray()", "There is no module 'xarray' here"),
        ("import requests\ndef main(): return requests.get('http://example.com')", "no network"),
        ("import urllib.request as u\ndef main(): return u.urlopen('http://127.0.0.1:1')", "no network"),
        ("import pandas as pd\ndef main(): return pd.read_csv('https://example.com/a.csv')", "no network"),
        ("import socket\ndef main(): socket.socket()", "no network"),
        ("import asyncio\nasync def main(): await asyncio.open_connection('127.0.0.1', 1)", "no network"),
        ("import locale\ndef main(): locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')", "C.UTF-8"),
    ],
)
def test_one_line_says_what_to_do(service, script, words):
    answer = service.execute(script)
    assert answer.outcome == "exception" and words in answer.body["error"].splitlines()[-1], answer
    assert "Traceback" in answer.body["error"]


@pytest.mark.parametrize("script", [
    "import pandas.nothing\ndef main(): pass", "def main(): open('/etc/nothing')", "def main(): raise PermissionError(1, 'x')",
    "def main(): raise ImportError('own')", "def main(): raise KeyError('x')"])
def test_other_errors_have_no_such_line(service, script):
    assert not service.execute(script).body["error"].endswith(")") or "KeyError" in script or "Error" in service.execute(script).body["error"].splitlines()[-1]


def test_the_page_lists_what_there_is(service):
    page = service.request("GET", "/about").raw.decode()
    for name in ("numpy", "pandas", "matplotlib", "requests", "openpyxl", "tabulate", "tqdm"):
        assert f"<code>{name}</code>" in page
    assert service.execute("import numpy, pandas, matplotlib, requests, openpyxl, tabulate, tqdm, PIL, dateutil\ndef main(): return 1").outcome == "ok"


@pytest.mark.parametrize("script", ["def main(): return {'x': [float('nan')]}", "import numpy as np\ndef main(): return np.array([1, np.inf])"])
def test_nan_is_null_where_the_request_says_so(service, script):
    answer = service.execute(script)
    assert answer.outcome == "not_serializable" and '"nan": "null"' in answer.body["error"]
    assert service.post({"script": script, "nan": "error"}).outcome == "not_serializable"
    answer = service.post({"script": script, "nan": "null"})
    assert answer.outcome == "ok" and b"null" in answer.raw
    for wrong in ("NaN", True, 1):
        assert service.post({"script": script, "nan": wrong}).status == 400


def test_nan_of_a_batch(service):
    lines = [{"defaults": True, "script": "def main(): return float('nan')", "nan": "null"}, {}, {"nan": "error"}, {"return_files": ["*"]}]
    answer = service.request("POST", "/execute/batch", "\n".join(map(json.dumps, lines)), {"Content-Type": "application/x-ndjson"})
    outcomes = {line["index"]: line["outcome"] for line in map(json.loads, answer.raw.splitlines())}
    assert outcomes == {0: "ok", 1: "not_serializable", 2: "ok"}
