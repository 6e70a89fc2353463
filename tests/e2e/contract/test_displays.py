"""What jobs show: plots, tables, pictures, at every endpoint that runs jobs."""

import base64
import json

import pytest

from levels import KINDS, can_have, start_kind
from request_parts import NDJSON
from sessions import Session

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()\n"
FRAME = "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})\n"
JSON = {"Content-Type": "application/json"}


def kinds(answer):
    return [sorted(display) for display in answer.body.get("displays", "none")]


def test_a_plot_is_a_picture(service):
    answer = service.post({"code": PLOT + "7", "displays": True})
    assert (answer.status, answer.body["result"], kinds(answer)) == (200, 7, [["image/png"]])
    assert base64.b64decode(answer.body["displays"][0]["image/png"]).startswith(b"\x89PNG")
    assert "displays_truncated" not in answer.body and "files" not in answer.body


def test_scripts_show_too_and_only_where_that_is_asked_for(service):
    script = "import matplotlib.pyplot as plt\ndef main():\n    plt.plot([1])\n    return 1"
    assert kinds(service.post({"script": script, "displays": True})) == [["image/png"]]
    for plain in ({"script": script}, {"script": script, "displays": False}, {"script": script, "displays": None}):
        assert service.post(plain).body == {"result": 1, "stdout": ""}
    assert service.post({"script": "def main(): return 1", "displays": True}).body == {"result": 1, "stdout": "", "displays": []}


def test_cells_show_by_themselves(service):
    assert kinds(service.post({"code": PLOT})) == [["image/png"]]
    assert service.post({"code": "1 + 1"}).body == {"result": 2, "repr": "2", "stdout": ""}
    for displays, shown in ((False, "none"), (True, []), (None, "none")):
        assert service.post({"code": "1", "displays": displays}).body.get("displays", "none") == shown
    assert "displays" not in service.post({"code": PLOT, "displays": False}).body
    lines = "\n".join(map(json.dumps, [{"code": PLOT}, {"code": PLOT, "displays": True}]))
    entries = [json.loads(entry) for entry in service.request("POST", "/execute/batch", lines, NDJSON).raw.splitlines()]
    assert [len(entry.get("displays", [])) for entry in sorted(entries, key=lambda entry: entry["index"])] == [0, 1]
    message = {"message": {"data": base64.b64encode(json.dumps({"code": PLOT}).encode()).decode(), "messageId": "1"}, "subscription": "s"}
    answer = service.request("POST", "/queue/pubsub", json.dumps(message), JSON)
    assert answer.status == 200 and b"image/png" not in answer.raw


def test_a_table(service):
    answer = service.post({"code": FRAME + "frame", "displays": True})
    assert answer.body["result"] == [{"a": 1}, {"a": 2}] and "<table" in answer.body["displays"][0]["text/html"]


@pytest.mark.parametrize("form, result", [
    (None, [{"a": 1}, {"a": 2}]), ("records", [{"a": 1}, {"a": 2}]),
    ("split", {"columns": ["a"], "index": [0, 1], "data": [[1], [2]]}), ("csv", "a\n1\n2\n"),
])
def test_forms_of_data_frames(service, form, result):
    assert service.post({"code": FRAME + "frame", "dataframe": form}).body["result"] == result


@pytest.mark.parametrize("field, value, why", [
    ("displays", 1, "'displays' field must be true or false"), ("dataframe", "html", "'dataframe' field must be"), ("dataframe", 1, "'dataframe' field must be")])
def test_other_values_are_refused(service, field, value, why):
    answer = service.post({"code": "1", field: value})
    assert answer.status == 400 and why in answer.body["error"]


def test_what_was_shown_before_a_failure(service):
    answer = service.post({"code": PLOT + "1 / 0", "displays": True})
    assert answer.outcome == "exception" and kinds(answer) == [["image/png"]]
    killed = service.post({"code": PLOT + "import os; os.kill(os.getpid(), 9)", "displays": True})
    assert killed.outcome == "killed" and kinds(killed) == []


def test_cells_of_sessions_show_by_themselves(service):
    session = Session(service)
    assert kinds(session.cell(PLOT)) == [["image/png"]]
    assert "displays" not in session.cell("1").body
    assert session.cell("1", displays=True).body["displays"] == []
    assert "displays" not in session.cell(PLOT, displays=False).body
    assert kinds(session.cell("plt.close('all')\nplt.plot([1])")) == [["image/png"]]
    assert kinds(session.cell("display(plt.get_fignums())")) == [["text/plain"]]  # that figure is closed
    session.delete()


def test_lines_of_batches(service):
    lines = [{"defaults": True, "code": PLOT, "displays": True}, {"id": 1}, {"id": 2, "displays": False}, {"id": 3, "code": "1"}]
    answer = service.request("POST", "/execute/batch", "\n".join(map(json.dumps, lines)), NDJSON)
    entries = {entry["id"]: entry for entry in map(json.loads, answer.raw.splitlines())}
    assert [len(entries[n].get("displays", "none")) for n in (1, 2, 3)] == [1, 4, 0]


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream"])
def test_live_answers(service, accept):
    answer = service.request("POST", "/execute", json.dumps({"code": PLOT + "1", "displays": True, "return_files": ["*"]}), {**JSON, "Accept": accept})
    text = answer.raw.decode()
    names = [json.loads(line)["event"] for line in text.splitlines()] if "ndjson" in accept else [line[7:] for line in text.splitlines() if line.startswith("event")]
    assert names == ["result", "displays", "files", "end"]


def test_limits(start):
    service = start(pool=1, displays=2, display_bytes=2000)
    shown = service.post({"code": "for n in range(2): display(n)", "displays": True})
    assert (kinds(shown), "displays_truncated" in shown.body) == ([["text/plain"]] * 2, False)
    shown = service.post({"code": "for n in range(3): display(n)", "displays": True})
    assert (kinds(shown), shown.body["displays_truncated"]) == ([["text/plain"]] * 2, True)
    shown = service.post({"code": "display('x' * 3000)", "displays": True})
    assert (kinds(shown), shown.body["displays_truncated"]) == ([], True)


FORGED = """
import os, struct
def entry(*texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
def main():
    shown = {}
    sections = [(2, b"\\x01"), (3, b"1"), (5, bytes(24)), (11, b""), (8, b""), (18, shown)]
    body = b"".join(struct.pack("<BI", tag, len(data)) + data for tag, data in sections)
    os.write(3, b"PYX1" + struct.pack("<HHI", 3, 0, len(body)) + body)
    os._exit(0)
"""


@pytest.mark.parametrize("entries, wanted", [
    ("entry(b'0 image/png', b'\\xff')", [{"image/png": "/w=="}]),
    ("entry(b'0 text/html', b'\\xff')", [{"text/html": "\ufffd"}]),
    ("entry(b'0 text/javascript', b'alert(1)')", []),
    ("entry(b'x', b'')", []),
    ("entry(b'9 text/plain', b'a') + entry(b'3 text/plain', b'b')", [{"text/plain": "a"}, {"text/plain": "b"}]),
])
def test_forged_displays_are_of_known_types_and_no_more(service, entries, wanted):
    answer = service.post({"script": FORGED.replace("shown = {}", f"shown = {entries}"), "displays": True})
    assert (answer.outcome, answer.body["displays"]) == ("ok", wanted)
    assert ("displays_truncated" in answer.body) == (wanted == [])


def test_displays_that_nobody_asked_for_are_a_broken_report(service):
    assert service.post({"script": FORGED.replace("shown = {}", "shown = entry(b'0 text/plain', b'a') * 2")}).outcome == "not_serializable"


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_level(kind, programs, shm):
    if not can_have(kind, programs):
        pytest.skip("this host does not give it")
    with start_kind(kind, programs, shm, pool=1, timeout_ms=20000) as service:
        assert kinds(service.post({"code": PLOT + FRAME + "frame", "displays": True})) == [["image/png"], ["text/html"]]
