"""The Python client, as a library: scripts, files, tools, streams, sessions, templates."""

import ast
import os
import sys
import threading
from pathlib import Path

import pyexec
import pytest
from endpoints import Scripts

FOREVER = "def main():\n    while True: pass"


def test_a_script_gets_its_arguments_and_answers_with_its_result_and_output(client):
    answer = client.run("def main(a, b):\n    print('adding')\n    return a + b", 2, 3)
    assert (answer.result, answer.stdout, answer.outcome) == (5, "adding\n", "ok")
    assert client.run("def main(a, b): return a - b", kwargs={"b": 2, "a": 3}).result == 1


def test_a_script_takes_arguments_by_position_or_by_name(client):
    with pytest.raises(TypeError, match="by position or by name"):
        client.run("def main(a, b): return a", 1, kwargs={"b": 2})


def test_a_script_may_be_a_file(client, tmp_path):
    (tmp_path / "a.py").write_text("def main(): return 'from a file'")
    assert client.run(tmp_path / "a.py").result == "from a file"
    with pytest.raises(TypeError, match="pathlib.Path"):
        client.run("a.py")


def test_files_go_both_ways(client, tmp_path):
    (tmp_path / "b.bin").write_bytes(b"\xff\x00")
    script = """
def main():
    open("c.txt", "w").write(open("a.txt").read() + "!")
    open("c.bin", "wb").write(open("b.bin", "rb").read() * 2)
"""
    answer = client.run(script, files={"a.txt": "hello", "b.bin": tmp_path / "b.bin"}, return_files="c.*")
    assert answer.files == {"c.txt": b"hello!", "c.bin": b"\xff\x00\xff\x00"}
    assert answer.files.media_types["c.txt"] == "text/plain"
    assert client.run("def main(): return open('b.bin', 'rb').read().hex()", files=[tmp_path / "b.bin"]).result == "ff00"
    assert client.run("def main(): return open('d').read()", files={"d": b"bytes"}).result == "bytes"


def test_returned_files_are_saved_below_the_directory(client, tmp_path):
    script = "import os\ndef main():\n    os.mkdir('in')\n    open('in/a.txt', 'w').write('new')\n    open('b.txt', 'w').write('b')"
    files = client.run(script, return_files=["**"]).files
    (tmp_path / "b.txt").write_text("old")
    saved = files.save(tmp_path)
    assert sorted(saved) == [tmp_path / "b.txt", tmp_path / "in/a.txt"]
    assert ((tmp_path / "in/a.txt").read_text(), (tmp_path / "b.txt").read_text()) == ("new", "b")


@pytest.mark.parametrize("name", ["../a", "/etc/a", "in/../../a", "", ".", "a\0b", "..\\a", "link/a"])
def test_a_file_that_would_leave_the_directory_is_not_saved(name, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path)
    files = pyexec.Files({"good": {"base64": "Z29vZA=="}, name: {"base64": "YmFk"}})
    with pytest.raises(ValueError, match="leads out of the directory"):
        files.save(tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["link"] and os.listdir(tmp_path) == ["out"]


def test_a_link_in_place_of_a_returned_file_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "a").symlink_to(tmp_path / "victim")
    pyexec.Files({"a": {"base64": "bmV3"}}).save(tmp_path)
    assert ((tmp_path / "victim").read_text(), (tmp_path / "a").read_text()) == ("mine", "new")


@pytest.mark.parametrize(
    "script, options, kind",
    [
        ("def main(): return 1 / 0", {}, pyexec.ScriptError),
        ("def main() return", {}, pyexec.InvalidScript),
        ("def main(a): return a", {}, pyexec.InvalidArguments),
        (FOREVER, {"timeout": 0.2}, pyexec.TimeLimit),
        ("def main(): return 'x' * (1 << 30)", {"memory_mb": 512}, pyexec.MemoryLimit),
        ("def main(): return 'x' * (20 << 20)", {}, pyexec.OutputLimit),
        ("def main(): return object()", {}, pyexec.NotSerializable),
        ("def main(): raise SystemExit(3)", {}, pyexec.Exited),
        ("import os, signal\ndef main(): os.kill(os.getpid(), signal.SIGKILL)", {}, pyexec.Killed),
        ("def main(): pass", {"nonsense": 1}, pyexec.InvalidRequest),
        ("def main(): pass", {"template": "sha256:" + "0" * 64}, pyexec.UnknownTemplate),
    ],
)
def test_each_way_to_fail_has_its_error(client, script, options, kind):
    with pytest.raises(kind) as caught:
        client.run(script, **options)
    assert type(caught.value) is kind and caught.value.status in (400, 412, 422)
    assert client.run("def main(): return 'and the next one runs'").result


def test_an_error_of_a_script_has_its_traceback_and_what_was_printed(client):
    with pytest.raises(pyexec.ScriptError, match="ZeroDivisionError") as caught:
        client.run("def main():\n    print('before')\n    return 1 / 0", verbose=True)
    assert "line 3, in main" in caught.value.traceback and caught.value.stdout == "before\n"
    assert caught.value.was_run is True and caught.value.answer.usage["run_ms"] >= 0
    with pytest.raises(pyexec.InvalidRequest) as caught:
        client.run("def main(): pass", timeout=10**9)
    assert caught.value.was_run is False and "timeout_ms" in str(caught.value)


def test_a_cell_has_a_result_and_its_text(client):
    answer = client.code("import pandas as pd\npd.Series([1, 2]).sum()")
    assert (answer.result, answer.repr) == (3, "3")


def test_integers_of_any_length_come_through(client):
    assert client.run("def main(n): return n * 10 ** 6000", 7).result == 7 * 10**6000
    with pytest.raises(pyexec.UnexpectedAnswer, match="digits"):
        client.run("def main():\n    import sys\n    sys.set_int_max_str_digits(0)\n    return 10 ** 100_001")


def test_values_without_a_json_form_are_named_before_anything_is_sent(client):
    with pytest.raises(TypeError, match="object has no JSON form"):
        client.run("def main(a): pass", object())
    with pytest.raises(TypeError, match="JSON"):
        client.run("def main(a): pass", float("nan"))


@pytest.mark.parametrize(
    "script, options, said",
    [
        (b"def main(): pass", {}, "not bytes"),
        ("def main(): pass", {"timeout": "5"}, "number of seconds"),
        ("def main(): pass", {"timeout": 0}, "number of seconds"),
        ("def main(): pass", {"files": "a.csv"}, "list of paths"),
        ("def main(): pass", {"files": {"a": 3}}, "str, bytes or a path"),
        ("def main(): pass", {"tools": "search"}, "list of functions"),
        ("def main(): pass", {"tools": {"search": 1}}, "cannot be called"),
        ("def main(): pass", {"args": [3]}, "follow the script"),
    ],
)
def test_what_is_given_in_the_wrong_form_is_named(script, options, said):
    with pytest.raises((TypeError, ValueError), match=said):
        pyexec.Client("http://127.0.0.1:1").run(script, **options)


def test_a_process_that_forks_does_not_share_connections(client):
    assert client.run("def main(): return 1").result == 1
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(client.run("def main(): return 2").result).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0 and os.read(reading, 9) == b"2"
    assert client.run("def main(): return 3").result == 3
    os.close(reading)
    os.close(writing)


# Tools ----------------------------------------------------------------------------------------------------------------


def test_a_script_calls_functions_of_the_callers(client):
    def prices(item, currency="EUR"):
        """Of one item."""
        return {"tea": 2.5}[item], currency

    answer = client.run("def main(): return prices('tea'), prices(item='tea', currency='USD')", tools={"prices": prices})
    assert answer.result == [[2.5, "EUR"], [2.5, "USD"]]
    assert client.run("def main(): return prices('tea')", tools=[prices]).result == [2.5, "EUR"]


def test_what_a_tool_raises_is_an_error_in_the_script(client):
    def fails():
        raise KeyError("no such table")

    def says():
        raise pyexec.ToolError("just this")

    script = """
from pyexec import ToolError
def main():
    texts = []
    for tool in (fails, says, odd):
        try:
            tool()
        except ToolError as error:
            texts.append(str(error))
    return texts
"""
    first, second, third = client.run(script, tools={"fails": fails, "says": says, "odd": lambda: object()}).result
    assert (first, second) == ("KeyError: 'no such table'", "just this") and "no JSON form" in third


def test_calls_of_one_moment_run_at_once(client):
    both = threading.Barrier(2, timeout=30)
    script = """
import asyncio
async def main():
    return sorted(await asyncio.gather(meet(1), meet(2)))
"""
    assert client.run(script, tools={"meet": lambda n: both.wait() * 0 + n}, tools_style="async").result == [1, 2]


def test_a_stream_answers_calls_too(client):
    script = "def main():\n    print(double(2))\n    return double(4)"
    with client.stream(script, tools={"double": lambda n: 2 * n}) as stream:
        events = list(stream)
        assert stream.answer().result == 8
    assert [event.name for event in events if event.name != "stdout"] == ["call", "call", "result", "end"]
    assert "".join(event.text for event in events if event.name == "stdout") == "4\n"


# Streams --------------------------------------------------------------------------------------------------------------


def test_events_come_while_the_job_runs(client):
    with client.stream("def main(): print('begun\\n', end=''); return wait()", tools={"wait": lambda: 1}) as stream:
        assert next(stream) == pyexec.Event("stdout", {"text": "begun\n"})
        assert stream.answer().result == 1


def test_the_answer_of_a_stream_that_failed_is_its_error(client):
    with client.stream(code="print('before\\n', end='')\n1 / 0") as stream:
        names = [event.name for event in stream]
        with pytest.raises(pyexec.ScriptError, match="ZeroDivisionError") as caught:
            stream.answer()
    assert names == ["stdout", "error", "end"] and caught.value.stdout == "before\n"


def test_a_stream_that_is_refused_raises_at_once(client):
    with pytest.raises(pyexec.InvalidRequest):
        client.stream("def main(): pass", nonsense=1)


def test_closing_a_stream_kills_its_job(patient):
    with pyexec.Client(f"http://{patient.host}:{patient.port}") as client, client.stream("def main():\n    print('on\\n', end='')\n    while True: pass") as stream:
        assert next(stream).text == "on\n"
        assert patient.health()["pool"]["running"] == 1
    patient.wait_idle()
    with pytest.raises(ValueError, match="closed"):
        stream.answer()


# Sessions -------------------------------------------------------------------------------------------------------------


def test_a_session_keeps_names_and_goes_back(client):
    with client.session("x = 1") as session:
        assert session.code("x += 40\nx").result == 41
        assert session.code("x + 1").result == 42 and session.head == 2
        assert session.code("x", at=0).result == 1
        assert session.run("def main(n): return x + n", 5).result == 6
        session.code("def twice(n): return 2 * n")
        assert session.call("twice", 21).result == 42
        with pytest.raises(pyexec.ScriptError):
            session.code("1 / 0")
        with pytest.raises(pyexec.TimeLimit):
            session.code("while True: pass", timeout=0.2)
        assert session.code("x").result == 1
        assert session.info()["session"] == session.id in [one["session"] for one in client.sessions()]
        with session.stream(code="print(x)\nx") as stream:
            answer = stream.answer()
            assert answer.stdout == "1\n" and session.head == answer.head == answer.cell
        assert client.attach(session.id).code("x").result == 1
    with pytest.raises(pyexec.Gone):
        session.code("x")
    session.close()


def test_a_session_has_files(client, tmp_path):
    (tmp_path / "a b.csv").write_text("n\n1\n")
    with client.session() as session:
        session.put("in/a b.csv", tmp_path / "a b.csv")
        session.put("c", "text")
        assert session.code("open('in/a b.csv').read() + open('c').read()").result == "n\n1\ntext"
        session.code("open('out.bin', 'wb').write(b'\\xff')")
        assert session.get("out.bin") == b"\xff"
        with pytest.raises(pyexec.NotFound):
            session.get("nothing")


def test_a_function_may_use_names_of_its_session(client):
    def use(n):
        return table[n]  # noqa: F821

    with client.session("table = {'a': 1}") as session:
        assert session.run(use, "a").result == 1
    with pytest.raises(TypeError, match="table"):
        client.run(use, "a")


def test_a_set_up_that_fails_opens_no_session(client):
    with pytest.raises(pyexec.ScriptError):
        client.session("1 / 0")


# Templates ------------------------------------------------------------------------------------------------------------


def test_jobs_begin_with_what_a_template_has_left(client):
    template = client.template("prices = {'tea': 2.5}\ndef total(*items): return sum(map(prices.get, items))\nprint('ready')")
    assert template.stdout == "ready\n" and template.name in [one["template"] for one in client.templates()]
    assert template.call("total", "tea", "tea").result == 5.0
    assert template.run("def main(): return total('tea')").result == 2.5
    assert template.code("total('tea')").result == 2.5
    assert [one.result for one in template.map("total", ["tea", "tea"])] == [2.5, 2.5]
    with template.stream(code="total('tea')") as stream:
        assert stream.answer().result == 2.5
    with client.session(template=template) as session:
        assert session.code("prices").result == {"tea": 2.5}
    template.delete()
    template.delete()


def test_a_template_that_the_service_has_dropped_is_made_again(client):
    template = client.template("x = 1")
    others = client.use_template(template.name)
    for use in (lambda: template.code("x").result, lambda: next(iter(template.map("def main(n): return x + n", [0]))).result):
        template.delete()
        with pytest.raises(pyexec.UnknownTemplate):
            others.code("x")
        assert use() == 1
    assert others.code("x").result == 1
    template.delete()


# The service ----------------------------------------------------------------------------------------------------------


def test_what_the_service_says_of_itself(client):
    assert client.health()["status"] == "healthy" and client.healthz() is True
    assert "pyexec_" in client.metrics() and client.openapi()["openapi"].startswith("3.1")
    assert "<html" in client.page()
    assert client.tools() == []
    answer = client.mcp({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                         "params": {"name": "run_python", "arguments": {"code": "6 * 7"}}})
    assert answer["result"]["structuredContent"]["result"] == 42


def test_scripts_of_the_operators_are_called(start, tmp_path):
    scripts = Scripts(tmp_path / "tools", double="def main(n: int): return 2 * n")
    service = start(tools_dir=scripts)
    client = pyexec.Client(f"http://{service.host}:{service.port}")
    assert [one["name"] for one in client.tools()] == ["double"]
    assert client.call_tool("double", n=21).result == 42
    with pytest.raises(pyexec.InvalidArguments):
        client.call_tool("double", n="x")
    with pytest.raises(pyexec.NotFound):
        client.call_tool("nothing")
    client.close()


def test_a_key_is_sent_and_a_wrong_one_is_an_error(start, keys, monkeypatch):
    service = start(keys_file=keys)
    url = f"http://{service.host}:{service.port}"
    with pytest.raises(pyexec.Unauthorized):
        pyexec.Client(url, "other").run("def main(): pass")
    assert pyexec.Client(url, "k3y-one").run("def main(): return 1").result == 1
    monkeypatch.setenv("PYEXEC_KEY", "k3y-one")
    monkeypatch.setenv("PYEXEC_URL", url)
    assert pyexec.Client().run("def main(): return 1").result == 1
    with pytest.raises(ValueError) as caught:
        pyexec.Client(url, "se cret")
    assert "cret" not in str(caught.value)


def test_threads_share_a_client(client):
    results = {}

    def work(n):
        results[n] = client.run("def main(n): return n * n", n).result

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert results == {n: n * n for n in range(12)}


def test_the_file_stands_alone():
    """It imports nothing but the standard library."""
    tree = ast.parse(Path(pyexec.__file__).read_text())
    names = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) == {"typing_extensions"}  # for type checkers alone
