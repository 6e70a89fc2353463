"""Scripts of a directory as endpoints: POST /tools/NAME, GET /tools, and tools of POST /mcp."""

import base64
import concurrent.futures
import json
import os
import subprocess

import pytest

from api_keys import KEY, line
from endpoints import Scripts, call, listed, read_again, result, said
from levels import start_kind
from logged import Logged
from mcp import ERAS, Client, images, texts
from service import BUILD, TIMEOUT_MS, Service
from templates import metric

NDJSON, SSE = "application/x-ndjson", "text/event-stream"
TYPES = "import enum\nfrom typing import *\nclass Color(enum.Enum):\n    red, one = 'r', 1\n"
# The one file of each: annotation, schema, what is of it, what is not.
KINDS = {
    "int": ("int", {"type": "integer"}, [1, 10**40], [1.5, True, "1", None]),
    "float": ("float", {"type": "number"}, [1, 1.5], [True, "1"]),
    "str": ("str", {"type": "string"}, ["é ☃"], [1, None]),
    "bool": ("bool", {"type": "boolean"}, [True], [1, "true"]),
    "none": ("None", {"type": "null"}, [None], [0, ""]),
    "list": ("list[int]", {"type": "array", "items": {"type": "integer"}}, [[], [1]], [["a"], {}, 1]),
    "dict": ("dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "b"}, []]),
    "optional": ("Optional[int]", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, [1, None], ["a"]),
    "union": ("Union[int, str]", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, [1, "a"], [None, 1.5]),
    "bar": ("list | None", {"anyOf": [{"type": "array"}, {"type": "null"}]}, [[1], None], [{}, 1]),
    "literal": ("Literal['a', 2]", {"enum": ["a", 2]}, ["a", 2], ["b", None, "2"]),
    "enum": ("Color", {"enum": ["r", 1]}, ["r", 1], ["red", 2]),
    "annotated": ("Annotated[int, 'how many']", {"type": "integer", "description": "how many"}, [1], ["a"]),
    "any": ("Any", {}, [None, 1, "a", [], {}], []),
}
ALL = ", ".join(f"{name}_: {annotation} = 7" for name, (annotation, *_) in KINDS.items())
GOOD = {
    "add": 'def main(a: int, b: int = 2):\n    """Adds numbers.\n\n    Two: ☃\n    """\n    print("adding")\n    return a + b\n',
    "kinds": f"{TYPES}def main(bare, {ALL}, **rest):\n    return {{k: v for k, v in locals().items() if v != 7}}\n",
    "waits": "import asyncio\nasync def main(n: int):\n    await asyncio.sleep(0)\n    return n + 1\n",
    "counts": "import random\nnumber, calls, table = random.random(), [], {}\ndef main():\n    calls.append(1)\n    table['x'] = table.get('x', 0) + 1\n"
              "    open('left', 'x').close() if False else None\n    return [number, len(calls), table['x']]\n",
    "fails": "import sys\ndef inner(x):\n    return 1 / x\ndef main(x: int = 0):\n    print('before\\n', end='')\n    print('aside\\n', end='', file=sys.stderr)\n    return inner(x)\n",
    "ends": "import os, sys, time\ndef main(how: str):\n    if how == 'exits': sys.exit(3)\n    if how == 'leaves': os._exit(4)\n    if how == 'fills': b = bytearray(2 << 30)\n"
            "    if how == 'lasts': time.sleep(1000)\n    if how == 'strange': return object()\n    if how == 'large': return 'x' * 9_000_000\n    return how\n",
    "gives": "def main(value=None): return value\n",
    "named": "def main(*, name: str, **more): return [name, more]\n",
    "files": "import os\ndef main():\n    seen = os.listdir()\n    open('mine', 'w').write('x')\n    return seen\n",
    "shows": "import matplotlib\nimport matplotlib.pyplot as plt\nimport io, base64\ndef main(kind: str):\n    plt.plot([1, 2])\n    file = io.BytesIO(); plt.savefig(file)\n"
             "    image = {'type': 'image', 'data': base64.b64encode(file.getvalue()).decode(), 'mimeType': 'image/png'}\n"
             "    return {'content': [{'type': 'text', 'text': kind}, image]}\n",
    "prints": "import time\ndef main(forever: bool = False):\n    print('begun\\n', end='')\n    time.sleep(1000 if forever else 0)\n    print('done')\n    return 7\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    scripts = Scripts(tmp_path_factory.mktemp("endpoints") / "tools", **GOOD)
    (scripts.path / "notes.txt").write_text("no script")
    (scripts.path / ".hidden.py").write_text("no script")
    return scripts


@pytest.fixture(scope="module")
def service(folder):
    with Service(timeout_ms=TIMEOUT_MS, pool=4, tools_dir=folder, template_jails=1, input_bytes=100_000, ping_ms=20) as running:
        yield running


@pytest.fixture(params=ERAS)
def client(request, service):
    return Client(service, request.param)


# What there is

def test_all_are_listed_by_name(service):
    assert list(listed(service)) == sorted(GOOD)
    assert listed(service)["add"] == {
        "name": "add", "description": "Adds numbers.\n\nTwo: ☃",
        "input_schema": {
            "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 2}},
            "additionalProperties": False, "required": ["a"],
        },
    }
    assert listed(service)["gives"]["description"] == ""


@pytest.mark.parametrize("kind", KINDS)
def test_an_annotation_is_a_schema_and_holds(service, kind):
    schema, good, bad = KINDS[kind][1:]
    name = f"{kind}_"
    assert listed(service)["kinds"]["input_schema"]["properties"][name] == {**schema, "default": 7}
    for value in good:
        assert result(service, "kinds", bare=0, **{name: value}) == {"bare": 0, name: value, "rest": {}}
    for value in bad:
        answer = call(service, "kinds", {"bare": 0, name: value})
        assert (answer.status, answer.outcome) == (422, "invalid_arguments"), (value, answer)
        assert answer.body["error"].startswith(f"argument '{name}' must be "), answer


def test_other_arguments_are_taken_where_main_takes_them(service):
    assert listed(service)["kinds"]["input_schema"]["additionalProperties"] is True
    assert result(service, "kinds", bare=0, other=[1], more=None) == {"bare": 0, "rest": {"other": [1], "more": None}}
    assert result(service, "named", name="é", other=1) == ["é", {"other": 1}]


@pytest.mark.parametrize(("name", "arguments", "word"), [
    ("add", {}, "'a'"), ("add", {"b": 1}, "'a'"), ("add", {"a": 1, "c": 2}, "'c'"), ("named", {}, "'name'"), ("add", {"a": "1"}, "'a'"), ("add", {"a": 1, "b": None}, "'b'"),
    ("add", {"a": 1, "": 2}, "''"), ("add", {"a": 1, "self": 2}, "'self'"), ("waits", {"n": 1.5}, "'n'"),
])
def test_arguments_that_do_not_fit_are_named(service, name, arguments, word):
    answer = call(service, name, arguments)
    assert (answer.status, answer.outcome) == (422, "invalid_arguments")
    assert word in answer.body["error"] and answer.body["stdout"] == ""


# A call

def test_a_call_is_answered_as_a_script_is(service):
    answer = call(service, "add", {"a": 1})
    assert (answer.status, answer.outcome, answer.body) == (200, "ok", {"result": 3, "stdout": "adding\n"})
    assert call(service, "add", {"b": -5, "a": 10**30}).body["result"] == 10**30 - 5
    assert result(service, "waits", n=1) == 2


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", "é ☃ 🙂 \u2028 \0", [], {}, [1, [2, {"a": None}]], 10**40])
def test_any_value_goes_and_comes(service, value):
    assert result(service, "gives", value=value) == value


def test_no_body_is_no_arguments(service):
    assert call(service, "gives", raw="").body["result"] is None
    assert call(service, "gives", {}).body["result"] is None
    assert call(service, "add", raw="").status == 422


@pytest.mark.parametrize("body", ["[]", "[1]", "5", "null", "\"a\"", "{", "{\"a\": 1", "{\"a\": NaN}", "{} {}", b"{\"a\": \"\xff\"}"])
def test_a_body_that_is_no_object_is_refused(service, body):
    answer = call(service, "add", raw=body)
    assert (answer.status, answer.outcome) == (400, "invalid_request")
    assert "result" not in answer.body["error"]  # it is a request
    assert call(service, "add", raw="{\"a\": 1}").status == 200


def test_arguments_have_a_limit(service):
    assert len(result(service, "gives", value="x" * 90_000)) == 90_000
    answer = call(service, "gives", {"value": "x" * 100_000})
    assert answer.status == 413 and "100000" in answer.body["error"]


def test_the_body_has_to_be_json_by_its_type(service):
    assert call(service, "add", {"a": 1}, **{"Content-Type": "application/json; charset=utf-8"}).status == 200
    assert call(service, "add", {"a": 1}, **{"Content-Type": "text/plain"}).status == 415


@pytest.mark.parametrize("name", ["nothing", "run_python", "Add", "add.py", "notes", "hidden", ".hidden", "%2e%2e%2fadd", "add%00", "%zz", ""])
def test_what_is_not_there_is_not_found(service, name):
    answer = call(service, name, {})
    assert answer.status == 404
    assert call(service, "a%64d", {"a": 1}).body["result"] == 3


def test_other_methods_are_refused(service):
    for path, method in (("/tools", "GET"), ("/tools/add", "POST")):
        for other in {"GET", "POST", "PUT", "DELETE"} - {method}:
            answer = service.request(other, path, "{}", {"Content-Type": "application/json"})
            assert (answer.status, method in answer.headers["Allow"]) == (405, True)


def test_an_exception_has_the_frames_of_the_script(service):
    answer = call(service, "fails")
    assert (answer.status, answer.outcome, answer.body["stdout"]) == (422, "exception", "before\n")
    error = answer.body["error"]
    assert error.startswith("Traceback") and error.endswith("ZeroDivisionError: division by zero")
    assert error.count("  File ") == 2 and "line 7, in main" in error and "line 3, in inner" in error
    assert result(service, "fails", x=2) == 0.5


@pytest.mark.parametrize(("how", "outcome"), [
    ("exits", "exited"), ("leaves", "exited"), ("fills", "memory_limit"), ("lasts", "time_limit"), ("strange", "not_serializable"), ("large", "output_limit"),
])
def test_each_end_of_a_call(service, how, outcome):
    answer = call(service, "ends", {"how": how})
    assert (answer.status, answer.outcome) == (422, outcome)
    assert result(service, "ends", how="well") == "well"


def test_the_set_up_runs_once_and_calls_do_not_see_each_other(service):
    answers = [result(service, "counts") for _ in range(8)]
    assert len({number for number, _, _ in answers}) == 1
    assert {(calls, entries) for _, calls, entries in answers} == {(1, 1)}


def test_files_of_a_call_are_gone_with_it(service):
    assert [result(service, "files") for _ in range(3)] == [[], [], []]


def test_calls_at_the_same_time_get_their_own_answers(service):
    with concurrent.futures.ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(lambda n: result(service, "add", a=n), range(24)))
    assert answers == [n + 2 for n in range(24)]


def test_templates_of_scripts_are_nobodys(service):
    assert result(service, "gives", value=1) == 1
    assert service.request("GET", "/templates").body == {"templates": []}


# Live

def test_a_live_answer_in_lines(service):
    answer = call(service, "fails", {"x": 2}, Accept=NDJSON)
    assert (answer.status, answer.headers["Content-Type"]) == (200, NDJSON)
    events = [json.loads(line) for line in answer.raw.splitlines()]
    events = [event for event in events if event["event"] != "ping"]
    assert sorted((e["event"], e["text"]) for e in events[:2]) == [("stderr", "aside\n"), ("stdout", "before\n")]
    assert events[2] == {"event": "result", "result": 0.5}
    assert (events[3]["event"], events[3]["outcome"], events[3]["status"]) == ("end", "ok", 200)


def test_a_live_answer_in_events(service):
    answer = call(service, "fails", {}, Accept=SSE)
    assert answer.headers["Content-Type"] == SSE
    assert b"event: error\n" in answer.raw and b"ZeroDivisionError" in answer.raw
    assert call(service, "fails", {"x": 2}).headers["Content-Type"] == "application/json"


def test_arguments_that_do_not_fit_end_a_live_answer(service):
    answer = call(service, "add", {"a": "x"}, Accept=NDJSON)
    *_, told, end = [json.loads(line) for line in answer.raw.splitlines()]
    assert "'a'" in told["error"] and (end["outcome"], end["status"]) == ("invalid_arguments", 422)


# As tools of a model

def test_a_model_is_shown_them(client):
    own, *tools = client.result("tools/list")["tools"]
    assert (own["name"], [tool["name"] for tool in tools]) == ("run_python", sorted(GOOD))
    shown = {tool["name"]: tool for tool in tools}
    expected = listed(client.service)
    assert {name: tool["inputSchema"] for name, tool in shown.items()} == {name: tool["input_schema"] for name, tool in expected.items()}
    assert shown["add"]["description"] == expected["add"]["description"]


@pytest.mark.parametrize(("value", "text"), [
    ("é ☃", "é ☃"), ("", ""), (1, "1"), (None, "null"), (True, "true"), ([1, "a"], '[1, "a"]'), ({"a": 1}, '{"a": 1}'), ({"content": []}, '{"content": []}'),
    ({"content": 5}, '{"content": 5}'), ({"content": [{"type": "other"}]}, '{"content": [{"type": "other"}]}'),
    ({"content": [{"type": "text", "text": "x"}, 5]}, '{"content": [{"type": "text", "text": "x"}, 5]}'),
])
def test_a_model_gets_a_value_as_text(client, value, text):
    got = client.call("gives", {"value": value})
    assert (texts(got), got["isError"], got["structuredContent"]) == ([text], False, {"outcome": "ok", "result": value, "stdout": "", "stderr": ""})


ITEMS = [
    {"type": "text", "text": "é ☃"}, {"type": "image", "data": "aGk=", "mimeType": "image/png"}, {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
    {"type": "resource", "resource": {"uri": "test://x", "text": "x"}}, {"type": "resource_link", "uri": "test://x", "name": "x"},
    {"type": "text", "text": "for people", "annotations": {"audience": ["user"], "priority": 0.5}},
]


def test_a_model_gets_content_that_a_script_has_made(client):
    for items in (ITEMS, *([item] for item in ITEMS)):
        got = client.call("gives", {"value": {"content": items}})
        assert (got["content"], got["isError"]) == (items, False)
        assert got["structuredContent"] == {"outcome": "ok", "stdout": "", "stderr": ""}  # the items are there once
    assert result(client.service, "gives", value={"content": ITEMS}) == {"content": ITEMS}


@pytest.mark.parametrize("item", [
    {"type": "text"}, {"type": "text", "text": 5}, {"type": "image", "data": "aGk="}, {"type": "audio", "mimeType": "audio/wav"},
    {"type": "resource"}, {"type": "resource", "resource": {}}, {"type": "resource_link", "uri": "test://x"}, {"text": "x"}, "text", None,
])
def test_items_that_lack_a_part_are_a_value(client, item):
    got = client.call("gives", {"value": {"content": [*ITEMS, item]}})
    assert [one["type"] for one in got["content"]] == ["text"]
    assert got["structuredContent"]["result"] == json.loads(texts(got)[0]) == {"content": [*ITEMS, item]}


@pytest.mark.parametrize(("said_so", "is_error"), [(True, True), (False, False), (None, False), ("true", False)])
def test_a_script_may_say_that_its_content_is_an_error(client, said_so, is_error):
    got = client.call("gives", {"value": {"content": ITEMS, "isError": said_so}})
    assert (got["content"], got["isError"]) == (ITEMS, is_error)


def test_a_whole_number_may_be_written_with_a_point(service):
    assert call(service, "add", raw='{"a": 2.0}').raw == call(service, "add", {"a": 2}).raw
    assert call(service, "add", raw='{"a": 2.5}').status == 422


def test_a_model_gets_a_picture_that_a_script_has_made(client):
    got = client.call("shows", {"kind": "a line"})
    assert texts(got) == ["a line"]
    (image,) = images(got)
    assert base64.b64decode(image["data"]).startswith(b"\x89PNG")


def test_a_model_reads_what_was_printed_and_what_failed(client):
    got = client.call("fails")
    printed, aside, trace = texts(got)
    assert (printed, aside, got["isError"]) == ("before\n", "stderr:\naside\n", True)
    assert trace.endswith("ZeroDivisionError: division by zero")
    assert (got["structuredContent"]["outcome"], got["structuredContent"]["stdout"]) == ("exception", "before\n")
    assert texts(client.call("fails", {"x": 2})) == ["before\n", "stderr:\naside\n", "0.5"]


@pytest.mark.parametrize(("arguments", "word"), [({}, "'a'"), ({"a": "x"}, "argument 'a' must be a whole number"), ({"a": 1, "c": 1}, "'c'")])
def test_a_model_is_told_of_wrong_arguments(client, arguments, word):
    got = client.call("add", arguments)
    assert (got["isError"], got["structuredContent"]["outcome"], word in texts(got)[0]) == (True, "invalid_arguments", True)


def test_a_model_may_leave_the_arguments_out(client):
    assert client.call("gives")["structuredContent"]["result"] is None
    assert client.call("add")["isError"] is True


@pytest.mark.parametrize("arguments", [[1], "a", 5])
def test_a_model_has_to_send_an_object(client, arguments):
    answer = client.ask("tools/call", {"name": "gives", "arguments": arguments})
    assert "error" in answer.body or answer.body["result"]["isError"] is True, answer


def test_a_name_in_the_head_has_to_be_that_of_the_script(service):
    client = Client(service)
    client.error(400, -32020, "tools/call", {"name": "add", "arguments": {"a": 1}}, headers={"Mcp-Name": "gives"})
    assert client.call("add", {"a": 1})["structuredContent"]["result"] == 3


def test_what_a_script_prints_is_progress(client):
    with client.stream("prints", {}) as stream:
        *told, last = stream.messages
    assert "".join(message["params"]["message"] for message in told) == "begun\ndone\n"
    assert texts(last["result"]) == ["begun\ndone\n", "7"]


def test_closing_the_stream_ends_the_call(service):
    cancelled = metric(service, 'pyexec_jobs_total{outcome="cancelled"}')
    with Client(service).stream("prints", {"forever": True}) as stream:
        assert next(stream.messages)["params"]["message"] == "begun\n"
        assert metric(service, 'pyexec_jobs_total{outcome="cancelled"}') == cancelled
    service.wait_until(lambda: metric(service, 'pyexec_jobs_total{outcome="cancelled"}') == cancelled + 1)
    assert result(service, "prints") == 7


# Files that are no good

BAD = {
    "broken": ("def main(:\n", "Syntax error"), "empty": ("x = 1\n", "it has no main()"), "nothing": ("", "it has no main()"),
    "bad-name": (GOOD["gives"], "its name"), "2nd": (GOOD["gives"], "its name"), "class": (GOOD["gives"], "its name"), "x" * 65: (GOOD["gives"], "its name"),
    "lacks": ("import nothing_such\ndef main(): pass\n", "No module named 'nothing_such'"), "denied": ("import decimal\ndef main(): pass\n", "'decimal' is not allowed"),
    "latin": (b"def main(): return '\xe9'\n", "not UTF-8"), "large": ("#" * 20_000 + "\ndef main(): pass\n", "PYEXEC_SCRIPT_BYTES"),
    "raises": ("raise ValueError('at its beginning')\n", "ValueError: at its beginning"), "leaves": ("import sys\nsys.exit(3)\n", "exited with 3"),
    "lasts": ("while True: pass\n", "time limit exceeded"), "fills": ("b = bytearray(2 << 30)\n", "memory limit exceeded"),
    "value": ("main = 5\n", "main must be a function, not int"), "position": ("def main(a, /): pass\n", "'a'"), "star": ("def main(*rest): pass\n", "'rest'"),
    "run_python": (GOOD["gives"], "has that name"), "secret": (GOOD["gives"], "it cannot be read"),
}


@pytest.fixture(scope="module")
def of_bad_files(tmp_path_factory):
    """What is served of a directory with files of each kind, and what the log says of the others."""
    scripts = Scripts(tmp_path_factory.mktemp("bad") / "tools", good=GOOD["add"], fine=GOOD["gives"], **{name: text for name, (text, _) in BAD.items()})
    (scripts.path / "secret.py").chmod(0)
    (scripts.path / "folder.py").mkdir()
    os.mkfifo(scripts.path / "pipe.py")  # whoever opens it waits for its writer
    (scripts.path / "dangling.py").symlink_to("nowhere")
    service = Logged(timeout_ms=3000, pool=2, tools_dir=scripts, script_bytes=10_000, deny_imports="decimal")
    try:
        assert (result(service, "good", a=1), result(service, "fine", value=5)) == (3, 5)
        yield service, said(service, " is left out: ")
    finally:
        assert service.stop() == 0


def test_the_good_ones_are_served(of_bad_files):
    service, _ = of_bad_files
    assert list(listed(service)) == ["fine", "good"]
    for name in BAD:
        assert call(service, name, {}).status == 404


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_its_reason(of_bad_files, name):
    (message,) = [message for message in of_bad_files[1] if message.startswith(f"tool {name}.py ")]
    assert BAD[name][1] in message
    assert "_pyexec" not in message and "<cell" not in message  # nothing of what this service has made


def test_what_is_no_file_is_named_or_passed_over(of_bad_files):
    left_out = {message.split()[1] for message in of_bad_files[1]}
    assert left_out - {"folder.py"} == {f"{name}.py" for name in (*BAD, "dangling", "pipe")}


def refused_to_start(**knobs):
    environment = {"PATH": os.environ["PATH"], "PYEXEC_PORT": "0"} | {f"PYEXEC_{name.upper()}": str(value) for name, value in knobs.items()}
    done = subprocess.run([BUILD / "pyexec-server"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "listening" not in done.stdout
    return done.stderr


def test_without_its_directory_the_service_does_not_start(tmp_path):
    for path in (tmp_path / "missing", Scripts(tmp_path / "tools", a="x = 1").path / "a.py"):
        assert f"PYEXEC_TOOLS_DIR={path}: " in refused_to_start(tools_dir=path)


def test_too_many_scripts_are_refused(tmp_path):
    scripts = Scripts(tmp_path / "tools", **{f"t{n}": "def main(): pass" for n in range(201)})
    assert "more than 200" in refused_to_start(tools_dir=scripts)


def test_without_templates_there_are_none(start, tmp_path):
    service = start(pool=1, tools_dir=Scripts(tmp_path / "tools", add=GOOD["add"]), templates=0)
    assert listed(service) == {}
    assert call(service, "add", {"a": 1}).status == 404
    assert len(Client(service).result("tools/list")["tools"]) == 1


# Reading again

def test_sighup_reads_the_directory_again(logged, tmp_path):
    scripts = Scripts(tmp_path / "tools", kept=GOOD["counts"], changed="def main(): return 'old'", gone=GOOD["gives"])
    service = logged(pool=2, tools_dir=scripts, template_jails=1, timeout_ms=TIMEOUT_MS)
    number = result(service, "kept")[0]
    assert (result(service, "changed"), result(service, "gone")) == ("old", None)

    scripts.write("changed", "def main(x: int): return ['new', x]")
    scripts.write("added", GOOD["add"])
    scripts.remove("gone")
    assert result(service, "changed") == "old"  # until it is told
    assert read_again(service) == "the tools have been read again: 3"
    assert list(listed(service)) == ["added", "changed", "kept"]
    assert (result(service, "added", a=1), result(service, "changed", x=1)) == (3, ["new", 1])
    assert listed(service)["changed"]["input_schema"]["required"] == ["x"]
    assert call(service, "gone", {}).status == 404
    assert result(service, "kept")[0] == number  # its set-up has not run again

    scripts.write("changed", "def main(:")
    assert read_again(service) == "the tools have been read again: 2"
    assert len(said(service, "tool changed.py is left out: Syntax error")) == 1
    assert call(service, "changed", {"x": 1}).status == 404
    assert [tool["name"] for tool in Client(service).result("tools/list")["tools"]] == ["run_python", "added", "kept"]

    scripts.write("changed", "def main(): return 'mended'")
    read_again(service)
    assert (result(service, "changed"), result(service, "kept")[0]) == ("mended", number)

    scripts.path.rename(tmp_path / "elsewhere")
    assert "stay as they were" in read_again(service)
    assert (result(service, "changed"), list(listed(service))) == ("mended", ["added", "changed", "kept"])


# Who may call, and what there is room for

def test_with_keys_each_may_call_and_nobody_else(logged, keys, tmp_path):
    scripts = Scripts(tmp_path / "tools")
    service = logged(pool=2, tools_dir=scripts, keys_file=keys)
    one, two, wrong = ({"Authorization": f"Bearer {key}"} for key in (KEY, "k3y-two", "wrong"))
    assert listed(service, **one) == {}
    keys.write_text(line("one", KEY) + line("two", "k3y-two"))
    scripts.write("add", GOOD["add"])
    read_again(service)  # the keys, too
    for headers in (one, two):
        assert call(service, "add", {"a": 1}, **headers).body["result"] == 3
        assert list(listed(service, **headers)) == ["add"]
        assert Client(service, headers=headers).call("add", {"a": 1})["structuredContent"]["result"] == 3
        assert service.request("GET", "/templates", headers=headers).body == {"templates": []}
    for headers in ({}, wrong):
        assert call(service, "add", {"a": 1}, **headers).status == call(service, "nothing", {}, **headers).status == 401
        assert service.request("GET", "/tools", headers=headers).status == 401
        assert Client(service, headers=headers).ask("tools/call", {"name": "add", "arguments": {"a": 1}}).status == 401


def test_templates_that_had_to_go_are_made_again(start, tmp_path):
    scripts = Scripts(tmp_path / "tools", **{f"t{n}": f"number = {n}\ndef main(x: int): return number * x" for n in range(4)})
    service = start(pool=2, tools_dir=scripts, templates=2, templates_per_key=1)
    for _ in range(2):
        assert [result(service, f"t{n}", x=10) for n in range(4)] == [0, 10, 20, 30]
    assert [Client(service).call(f"t{n}", {"x": 1})["structuredContent"]["result"] for n in range(4)] == [0, 1, 2, 3]
    assert metric(service, 'pyexec_templates_ended_total{reason="room"}') > 4
    assert metric(service, "pyexec_templates") <= 2


@pytest.mark.parametrize("kind", ["root-2", "root-1"])
def test_levels_without_jails(kind, programs, shm, tmp_path):
    names = ["add", "counts", "fails", "gives", "waits"]
    scripts = Scripts(tmp_path / "tools", bad="def main(:", **{name: GOOD[name] for name in names})
    with start_kind(kind, programs, shm, tools_dir=scripts) as service:
        assert list(listed(service)) == names
        assert (result(service, "add", a=1), result(service, "waits", n=1)) == (3, 2)
        assert [result(service, "counts")[1:] for _ in range(3)] == [[1, 1]] * 3
        assert call(service, "add", {"a": "x"}).outcome == "invalid_arguments"
        assert call(service, "fails", {}).outcome == "exception"
        client = Client(service)
        assert client.call("gives", {"value": {"content": ITEMS}})["content"] == ITEMS
        assert client.value("6 * 7") == 42
        described = client.result("tools/list")["tools"][0]
        assert ("files" in described["inputSchema"]["properties"]) == service.health()["isolation"]["features"]["scratch"]
