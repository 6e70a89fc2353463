"""What a request can give its job beside the script: args, stdin, files, env, limits."""

import base64
import contextlib
import json
import socket
import time

import pytest

from request_parts import post
from state import Scrape

TELL = "def main(*args, **kwargs): return [args, kwargs]"


def result(service, script, **fields):
    answer = post(service, script, **fields)
    assert answer.status == 200, answer
    return answer.body["result"]


@pytest.mark.parametrize(
    "args, seen",
    [
        ([], [[], {}]),
        ({}, [[], {}]),
        ([1, "x", None, True, 2.5, [1], {"a": 1}], [[1, "x", None, True, 2.5, [1], {"a": 1}], {}]),
        ({"a": 1, "b c": [2], "é": "\u20ac"}, [[], {"a": 1, "b c": [2], "é": "\u20ac"}]),
        ([10**40, -(2**63), 1e300], [[10**40, -(2**63), 1e300], {}]),
    ],
)
def test_args_are_what_main_is_called_with(service, args, seen):
    assert result(service, TELL, args=args) == seen


@pytest.mark.parametrize(
    "head, args, problem",
    [
        ("a, b", [1], "missing a required argument: 'b'"),
        ("a", [1, 2], "too many positional arguments"),
        ("a", {"b": 1}, "missing a required argument: 'a'"),
        ("a=1", {"c": 1}, "got an unexpected keyword argument 'c'"),
        ("a, /", {"a": 1}, "'a'"),
        ("*, k", [1], "too many positional arguments"),
        ("a", [], "missing a required argument: 'a'"),
        ("a", {}, "missing a required argument: 'a'"),
    ],
)
def test_args_that_do_not_fit_are_422_with_the_parameter(service, head, args, problem):
    answer = post(service, f"print('seen')\ndef main({head}): return 1", args=args)
    assert (answer.status, answer.outcome) == (422, "invalid_arguments"), answer
    assert answer.body["error"].startswith(f"'args' do not fit main({head})") and problem in answer.body["error"]
    assert answer.body["stdout"] == "seen\n"


def test_a_type_error_inside_main_is_still_an_exception(service):
    answer = post(service, "def f(a): pass\ndef main(x): f()", args=[1])
    assert answer.outcome == "exception" and "TypeError" in answer.body["error"]


def test_without_args_main_is_called_as_ever(service):
    answer = service.execute("def main(a): return 1")
    assert answer.outcome == "exception" and "missing 1 required positional argument" in answer.body["error"]


def test_main_may_be_any_callable(service):
    assert result(service, "import functools\nmain = functools.partial(max, 3)", args=[7]) == 7
    assert result(service, "class main(str): pass", args=["x"]) == "x"
    assert result(service, "main = max", args=[7, 9]) == 9


def test_args_nested_as_deep_as_the_server_allows_arrive(start):
    service = start(result_depth=400, pool=1)
    script = "def main(v):\n    n = 1\n    while v:\n        v, n = v[0], n + 1\n    return n"

    def nested(depth):  # below the array of the arguments
        return service.post('{"script": %s, "args": [%s%s]}' % (json.dumps(script), "[" * depth, "]" * depth))

    assert nested(399).body["result"] == 399
    answer = nested(400)
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert answer.body["error"] == "'args' is nested deeper than the limit of 400 levels"


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 1_000_000])
def test_stdin_is_read_by_the_script(service, size):
    text = ("é\n" + "x" * size)[: size] if size > 2 else "x" * size
    script = "import sys\ndef main():\n    text = sys.stdin.read()\n    return [len(text), text[:3], sys.stdin.read()]"
    assert result(service, script, stdin=text) == [len(text), text[:3], ""]


def test_line_ends_of_stdin_are_those_that_were_sent(service):
    answer = service.post({"script": "import sys\ndef main(): return [input(), sys.stdin.read()]", "stdin": "a\r\nb\rc\n"})
    assert answer.body["result"] == ["a\r", "b\rc\n"]


def test_stdin_goes_to_input_and_to_programs(service):
    assert result(service, "def main(): return [input(), input()]", stdin="a\nb\n") == ["a", "b"]
    if service.health()["isolation"]["features"]["subprocess"]:
        script = "import subprocess\ndef main(): return subprocess.run(['cat'], capture_output=True, text=True).stdout"
        assert result(service, script, stdin="through") == "through"
    assert result(service, "import sys\ndef main(): return sys.stdin.read()") == ""


def test_files_lie_in_the_working_directory(service):
    files = {"a.txt": "é\n", "d/e/b.bin": {"base64": base64.b64encode(bytes(range(256))).decode()}, "empty": ""}
    script = (
        "from pathlib import Path\n"
        "def main():\n"
        "    found = {str(p): p.read_bytes().hex() for p in Path('.').rglob('*') if p.is_file()}\n"
        "    Path('a.txt').write_text('mine')\n"
        "    return [found, Path('a.txt').read_text()]"
    )
    found, rewritten = result(service, script, files=files)
    assert found == {"a.txt": "é\n".encode().hex(), "d/e/b.bin": bytes(range(256)).hex(), "empty": ""}
    assert rewritten == "mine"


def test_files_are_there_when_the_module_is_run_and_can_be_imported(service):
    files = {"helper.py": "def f(): return 'helped'", "data.csv": "a,b\n1,2\n3,4\n"}
    script = "import helper, pandas as pd\nframe = pd.read_csv('data.csv')\ndef main(): return [helper.f(), int(frame['b'].sum())]"
    assert result(service, script, files=files) == ["helped", 6]


def test_a_thousand_files_and_no_more(service):
    files = {f"{n}": "" for n in range(1000)}
    assert result(service, "import os\ndef main(): return len(os.listdir())", files=files) == 1000
    answer = post(service, TELL, files=files | {"one more": ""})
    assert (answer.status, answer.body["error"]) == (400, "'files' has more than 1000 entries")


def test_files_that_do_not_fit_the_jobs_disk_are_an_error_of_the_job(start):
    service = start(tmp_mb=1, input_bytes=8 << 20)
    answer = post(service, TELL, files={"a": "x" * (3 << 20)})
    assert answer.status == 422 and "No space left" in answer.body["error"]


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", "", "a//", "//b", ".", "x" * 256])
def test_a_file_outside_the_working_directory_is_a_400(service, name):
    answer = post(service, TELL, files={name: "x"})
    assert (answer.status, answer.outcome) == (400, "invalid_request") and "name of 'files' entry" in answer.body["error"]


def test_env_is_in_the_environment_of_the_script_and_of_its_programs(service):
    script = "import os, time\ndef main(): return [os.environ['JOB_KEY'], time.strftime('%H', time.gmtime(0)), time.localtime(0).tm_hour]"
    assert result(service, script, env={"JOB_KEY": "é=1", "TZ": "JST-9"}) == ["é=1", "00", 9]


def test_names_of_env_are_the_operators_choice(start, service):
    answer = post(service, TELL, env={"LD_PRELOAD": "x"})
    assert (answer.status, answer.body["error"]) == (
        400, "'env' entry 'LD_PRELOAD' is not one of the allowed names: TZ,LANG,LC_*,JOB_*")
    own = start(env_names="ONE,TWO_*", pool=1)
    script = "import os\ndef main(): return [os.environ['ONE'], os.environ['TWO_X']]"
    assert result(own, script, env={"ONE": "1", "TWO_X": "2"}) == ["1", "2"]
    assert post(own, script, env={"TZ": "UTC"}).status == 400


def test_a_jobs_own_deadline(service):
    begin = time.monotonic()
    answer = post(service, "def main():\n    while True: pass", timeout_ms=300)
    assert (answer.status, answer.outcome) == (422, "time_limit")
    assert 0.25 < time.monotonic() - begin < 20  # the service's own is 30 s


def test_a_jobs_own_memory(service):
    script = "def main(mb): return len(bytearray(mb << 20))"
    assert post(service, script, args=[200], memory_mb=100).outcome == "memory_limit"
    assert result(service, script, args=[50], memory_mb=100) == 50 << 20
    assert result(service, script, args=[200]) == 200 << 20


def test_a_jobs_own_memory_cannot_be_raised_again(service):
    script = (
        "import resource\ndef main():\n    soft, hard = resource.getrlimit(resource.RLIMIT_AS)\n"
        "    try: resource.setrlimit(resource.RLIMIT_AS, (hard + 1, hard + 1))\n"
        "    except (ValueError, OSError) as error: return type(error).__name__"
    )
    assert result(service, script, memory_mb=100) in ("ValueError", "PermissionError", "OSError")


def test_a_jobs_own_output(service):
    answer = post(service, "def main(): print('x' * 1000)", output_bytes=10)
    assert answer.body == {"result": None, "stdout": "x" * 10, "stdout_truncated": True}


@pytest.mark.parametrize("field, limit", [("timeout_ms", 30000), ("memory_mb", 1024), ("output_bytes", 1 << 20)])
def test_more_than_the_servers_limit_is_a_400_that_names_it(start, field, limit):
    service = start(pool=1)
    assert result(service, TELL, **{field: limit}) == [[], {}]
    answer = post(service, TELL, **{field: limit + 1})
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert answer.body["error"] == f"'{field}' is {limit + 1}, more than the limit of {limit}"


def test_input_beyond_its_limit_is_a_413(start):
    service = start(input_bytes=1000, pool=1)
    assert result(service, "import sys\ndef main(): return len(sys.stdin.read())", stdin="x" * 1000) == 1000
    answer = post(service, TELL, stdin="x" * 1001)
    assert (answer.status, answer.outcome) == (413, "invalid_request") and "limit of 1000" in answer.body["error"]


def test_async_main_is_awaited(service):
    script = (
        "import asyncio\nasync def one(n):\n    await asyncio.sleep(0)\n    return n\n"
        "async def main(a, b=2):\n    return await asyncio.gather(one(a), one(b))"
    )
    assert result(service, script, args=[1]) == [1, 2]
    answer = post(service, "async def main():\n    raise ValueError('inside')")
    assert answer.outcome == "exception" and answer.body["error"].endswith("ValueError: inside")
    assert answer.body["error"].splitlines()[1] == '  File "/tmp/script.py", line 2, in main'
    assert post(service, "async def main(a): pass", args=[]).outcome == "invalid_arguments"


def test_one_jobs_input_is_not_the_nexts(start):
    service = start(pool=1, running=1)
    script = "import os, sys\ndef main(): return [os.listdir('.'), sys.stdin.read(), os.environ.get('JOB_X')]"
    assert result(service, script, files={"f": "x"}, stdin="in", env={"JOB_X": "1"}) == [["f"], "in", "1"]
    assert result(service, script) == [[], "", None]


@pytest.mark.parametrize("framing", ["whole", "chunked"])
def test_bodies_that_are_being_read_are_bounded_together(start, framing):
    """By what has come, not by what is announced: who sends nothing takes no room."""
    service = start(pool=1, body_mb=1, input_bytes=400_000, script_bytes=1000)  # the largest body: 810,000 bytes
    head = "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += "Content-Length: 800000\r\n\r\n" if framing == "whole" else "Transfer-Encoding: chunked\r\n\r\n"
    piece = "" if framing == "whole" else f"{800_000:x}\r\n"
    large = "x" * 390_000
    with contextlib.ExitStack() as stack:
        idlers = [stack.enter_context(socket.create_connection((service.host, service.port))) for _ in range(50)]
        for idler in idlers:
            idler.sendall(head.encode())
        assert result(service, TELL, stdin=large) == [[], {}]
        idlers[0].sendall((piece + "x" * 790_000).encode())
        service.wait_until(lambda: Scrape(service)["pyexec_request_body_bytes",] == 790_000)
        answer = post(service, TELL, stdin=large)
        assert (answer.outcome, answer.headers["Retry-After"]) == ("busy", "1")
        assert "too many bytes of requests" in answer.body["error"]
        other = service.request("POST", "/healthz", "x" * 390_000)
        assert other.status in (405, 429) and other.outcome is None
        assert result(service, TELL, stdin="x" * 1000) == [[], {}]
    service.wait_until(lambda: post(service, TELL, stdin=large).status == 200)


def test_input_that_exceeds_the_jobs_own_memory_is_its_memory_limit(service):
    assert post(service, TELL, memory_mb=5, stdin="x" * 3_000_000).outcome == "memory_limit"
    assert post(service, TELL, memory_mb=5, files={"f": "x" * 3_000_000}).outcome == "memory_limit"
