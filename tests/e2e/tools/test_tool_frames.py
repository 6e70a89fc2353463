"""Scripts that speak with the server as they should not: children, frames of their own, answers that nobody reads."""


import pytest

from request_parts import FORGE
from tool_jobs import end, main, park, resident_of, wait_for_jobs, CALL
from tools import begin, drive, parked, send_answers

pytestmark = pytest.mark.usefixtures("no_job_is_left")


@pytest.mark.parametrize("child", [
    "import os\npid = os.fork()\nif pid == 0:\n    try:\n        f()\n    except ToolError as error:\n        print(error, flush=True)\n    os._exit(0)\nos.waitpid(pid, 0)",
    "import multiprocessing\ndef work():\n    try:\n        f()\n    except ToolError as error:\n        print(error, flush=True)\nprocess = multiprocessing.get_context('fork').Process(target=work)\nprocess.start(); process.join()",
])
def test_a_child_cannot_call(service, child):
    run = drive(service, {"f": lambda: "works"}, script=main(child + "\nreturn f()"))
    assert (run.result, len(run.calls)) == ("works", 1)
    assert run.answer.body["stdout"] == "f(): tools are called in the process that the script began in, not in a child of it\n"


FRAMES = FORGE + """
SOCKET = 3
def call(*calls, first=1, more=0):
    rows = b"".join(struct.pack("<I", len(part)) + part for one in calls for part in one)
    return frame(struct.pack("<BIQQ", 16, 16, first, more) + struct.pack("<BI", 17, len(rows)) + rows, 7)
def reply():
    head = os.read(SOCKET, 12)
    return head[4], os.read(SOCKET, struct.unpack("<I", head[8:])[0])
"""


def test_a_frame_that_calls_what_is_no_tool_gets_an_error(service):
    script = FRAMES + main("os.write(SOCKET, call((b'other', b'{}')))\nkind, body = reply()\nreturn [kind, body.decode('latin-1')]")
    kind, body = begin(service, script=script, tools=["f"]).body["result"]
    assert kind == 8 and body.endswith("this request names no such tool")
    assert struct_of_answer(body) == (1, 1)


def struct_of_answer(body):
    """The number of the call, and whether it is an error."""
    raw = body.encode("latin-1")
    return int.from_bytes(raw[5:13], "little"), int.from_bytes(raw[13:21], "little")


def test_a_frame_of_the_scripts_own_is_a_call(service):
    script = FRAMES + main("os.write(SOCKET, call((b'f', b'{\"a\": 1}'), (b'f', b'[2]')))\nreturn [reply()[0], reply()[0]]")
    first = parked(service, script=script, tools=["f"])
    assert first["calls"] == [{"id": 1, "name": "f", "args": {"a": 1}}, {"id": 2, "name": "f", "args": [2]}]
    assert send_answers(service, first["continue"], [{"id": n, "result": n} for n in (1, 2)]).body["result"] == [8, 8]


@pytest.mark.parametrize("sent", [
    "os.urandom(4096)", "b'\\0' * 100000", "call((b'f', b'{'))", "call((b'f', b'1'))", "call((b'f', b'{\"a\": NaN}'))", "call((b'f', b'\\xff'))", "call((b'f', b''))",
    "call((b'f', b'{}'), first=2)", "call((b'f', b'{}'), first=0)", "call((b'f', b'{}'), first=2**64 - 1)", "call(*[(b'f', b'{}')] * 101)", "call()", "call((b'f', b'[\"' + b'x' * (3 << 20) + b'\"]'))",
    "call((b'f' * 70000, b'{}'))", "frame(b'', 7)", "frame(b'x', 7)", "frame(b'', 8)", "b'PYX1' + struct.pack('<HHI', 7, 0, 2**32 - 1)", "b'PYX1' + struct.pack('<HHI', 7, 0, 1000)",
    "call((b'f', b'{}')) + call((b'f', b'{}'))", "call((b'f', b'{}')) + report(1, b'7')", "call((b'\\xff\\xfe', b'{}')) * 300",
])
def test_frames_that_are_none_end_in_an_outcome(service, sent):
    """And harm nobody else."""
    script = FRAMES + main(f"data = {sent}\nimport socket\nsent = 0\nwhile sent < len(data): sent += os.write(SOCKET, data[sent:])\nos._exit(0)")
    answer = begin(service, script=script, tools=["f"])
    if answer.outcome == "calls":
        answer = send_answers(service, answer.body["continue"], [{"id": call["id"], "result": 1} for call in answer.body["calls"]])
    assert answer.status in (200, 410, 422), answer
    assert answer.outcome in ("ok", "calls", "exited", "killed", "not_serializable", "output_limit", "exception"), answer
    assert drive(service, {"f": lambda: 5}, script=CALL).result == 5


def test_a_job_without_tools_cannot_call(service):
    script = FRAMES + main("os.write(SOCKET, call((b'f', b'{}')))\nimport time\ntime.sleep(1000)")
    answer = begin(service, script=script, timeout_ms=1000)
    assert answer.status == 422 and answer.outcome != "calls"


def test_a_script_that_reads_no_answers_has_only_so_many_of_them(service):
    """Its own, by frames: what it does not read is not kept without end."""
    script = FRAMES + main("n = 1\nwhile True:\n    os.write(SOCKET, call((b'f', b'{}'), first=n))\n    n += 1")
    before = resident_of(service)
    answer, rounds = begin(service, script=script, tools=["f"], timeout_ms=2000), 0
    while answer.outcome == "calls" and rounds < 60:
        results = [{"id": call["id"], "result": "x" * (900_000 // len(answer.body["calls"]))} for call in answer.body["calls"]]
        answer = send_answers(service, answer.body["continue"], results)
        rounds += 1
    assert answer.status in (422, 429), answer
    assert resident_of(service) - before < 48 << 20


def test_calls_that_a_script_has_given_up_count_until_they_are_answered(service):
    script = """import asyncio
async def main():
    for n in range(150):
        try:
            await asyncio.wait_for(f(n), 0.001)
        except asyncio.TimeoutError:
            pass
        except ToolError as error:
            return [n, str(error)]
"""
    first = begin(service, script=script, tools=["f"], tools_style="async")
    assert first.outcome == "calls"
    wait_for_jobs(service, 1, waiting=0)  # it has not waited for us
    answer = send_answers(service, first.body["continue"], [{"id": call["id"], "result": 1} for call in first.body["calls"]])
    assert answer.body["result"] == [100, "f(): more calls of tools wait for an answer than the limit of 100"]


def test_a_job_that_closes_its_channel_while_it_waits_has_its_time_and_no_more(service):
    """Nobody is waited for any more: the clock goes on."""
    script = FRAMES + main("os.write(SOCKET, call((b'f', b'{}')))\nimport time\ntime.sleep(1)\nos.close(SOCKET)\nwhile True: pass")
    token = park(service, script, timeout_ms=3000)
    wait_for_jobs(service, 1, waiting=0)
    service.wait_until(lambda: service.health()["pool"]["running"] == 0)
    answer = end(service, token)
    assert (answer.status, answer.outcome) == (422, "time_limit")
