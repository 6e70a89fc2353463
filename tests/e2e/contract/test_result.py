"""The result is strict JSON, whole or refused, and the server's own serialisation."""

import json
import os

import pytest

from request_parts import FORGE

CAP_BYTES = 8 << 20
DEPTH = 500


def result_of(service, expression, setup=""):
    return service.execute(f"{setup}\ndef main():\n    return {expression}")


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -1, 1.5, 1e16, 1e-07, 5e-324, 1.7976931348623157e308, "", "\u00e9\u4e2d\U0001f600", "\x00\x1f\"\\/",
     [], {}, [[], {}], {"a": [1, {"b": None}], "": "empty key"}],
)
def test_json_values_come_back(service, value):
    answer = result_of(service, repr(value))
    assert answer.outcome == "ok"
    assert answer.body["result"] == value and type(answer.body["result"]) is type(value)


@pytest.mark.parametrize("digits", [1, 19, 20, 300, 309, 4300, 100000])
def test_integers_of_any_size_survive_digit_for_digit(service, digits):
    text = "9" * digits
    answer = result_of(service, f"[10 ** {digits} - 1, -(10 ** {digits} - 1)]")
    assert answer.raw == b'{"result": [%b, -%b], "stdout": ""}' % (text.encode(), text.encode())


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "[-float('inf')]", "{'a': float('nan')}"])
def test_nan_and_infinity_are_an_error_that_says_so(service, value):
    answer = result_of(service, value)
    assert (answer.status, answer.outcome) == (422, "not_serializable")
    assert "NaN and Infinity have no JSON form" in answer.body["error"]


@pytest.mark.parametrize("value", ["object()", "(n for n in [])", "{(1, 2): 3}", "1j", "main", "[].append"])
def test_other_types_are_named(service, value):
    answer = result_of(service, value)
    assert (answer.status, answer.outcome) == (422, "not_serializable")
    assert answer.body["error"].startswith("TypeError: ")


def test_the_error_says_where_in_the_value(service):
    answer = result_of(service, "{'items': [0, {'price': object()}]}")
    assert answer.body["error"] == "TypeError: Object of type object is not JSON serializable (at result.items[1].price)"
    assert result_of(service, "[1, float('nan')]").body["error"].endswith(" (at result[1])")


@pytest.mark.parametrize(
    "expression, value",
    [
        ("pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})", [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ("{'mean': np.float32(1.5), 'all': np.arange(3), 'day': pd.Timestamp('2020-01-02')}",
         {"mean": 1.5, "all": [0, 1, 2], "day": "2020-01-02T00:00:00"}),
        ("[decimal.Decimal('1.10'), {3, 1, 2}, b'x']", ["1.10", [1, 2, 3], "eA=="]),
    ],
)
def test_common_types_have_a_json_form(service, expression, value):
    assert result_of(service, expression, "import decimal, numpy as np, pandas as pd").body["result"] == value


def test_lone_surrogate_is_an_error(service):
    assert result_of(service, r"'\ud800'").outcome == "not_serializable"


def test_circular_result_is_an_error(service):
    assert "Circular" in service.execute("def main():\n a = []\n a.append(a)\n return a").body["error"]


def test_largest_result_is_whole_and_one_byte_more_is_an_error(service):
    answer = result_of(service, f"'x' * ({CAP_BYTES} - 2)")
    assert len(answer.body["result"]) == CAP_BYTES - 2
    answer = result_of(service, f"'x' * ({CAP_BYTES} - 1)")
    assert (answer.status, answer.outcome) == (422, "output_limit")


@pytest.mark.parametrize("depth, outcome", [(DEPTH, "ok"), (DEPTH + 1, "not_serializable"), (100000, "not_serializable")])
def test_depth_is_bounded(service, depth, outcome):
    script = f"def main():\n    value = []\n    for _ in range({depth} - 1): value = [value]\n    return value"
    assert service.execute(script).outcome == outcome


def test_a_forged_report_is_only_a_result(service):
    answer = service.execute(FORGE + "def main():\n    os.write(3, report(1, b'[1,2]'))\n    return 'late'")
    assert (answer.outcome, answer.raw) == ("ok", b'{"result": [1, 2], "stdout": ""}')


@pytest.mark.parametrize(
    "text",
    [b'1, "stdout": "forged"', b'1}', b"NaN", b"{", b"", b"\\xff", b'"\\\\ud800"', b"1 2", b"01", b"[" * 100000, b"1\\x00"],
)
def test_a_forged_result_cannot_leave_its_place(service, text):
    answer = service.execute(FORGE + f"def main():\n    os.write(3, report(1, b'''{text.decode()}'''))\n    os._exit(0)")
    assert (answer.status, answer.outcome) == (422, "not_serializable"), answer
    assert list(answer.body) == ["error", "stdout"] and answer.body["stdout"] == ""


@pytest.mark.parametrize(
    "data, outcome",
    [
        ("b'garbage' * 1000", "not_serializable"),
        ("frame(b'', magic=b'PYX2')", "not_serializable"),
        ("frame(b'', kind=1)", "not_serializable"),
        ("frame(b'', kind=9)", "not_serializable"),
        ("report(0, b'1')", "not_serializable"),
        ("report(9, b'1')", "not_serializable"),
        ("report(1, b'1') + b'3' * 100", "ok"),  # what follows the first frame is not read
        ("b'PYX1' + struct.pack('<HHI', 3, 0, 0xffffffff)", "output_limit"),
        ("frame(struct.pack('<BI', 2, 0xffffffff))", "not_serializable"),
        ("report(1, b'1')[:15]", "exited"),
    ],
)
def test_forged_frames_change_nothing_but_their_own_answer(service, data, outcome):
    answer = service.execute(FORGE + f"def main():\n    os.write(3, {data})\n    os._exit(0)")
    assert answer.outcome == outcome, answer
    assert service.execute("def main(): return 1").body["result"] == 1


def test_a_flood_on_the_job_socket_ends_the_job(service):
    answer = service.execute("import os\ndef main():\n    while True: os.write(3, b'x' * 65536)")
    assert answer.outcome == "not_serializable"


@pytest.mark.parametrize("end", ["return 1", "os._exit(0)", "os.kill(os.getpid(), 9)", "time.sleep(100)"])
def test_descriptors_sent_over_the_job_socket_hold_nothing_open(start, end):
    """Unreceived, they would keep the job's pipe and socket open after its death."""
    service = start(timeout_ms=1000, pool=2, running=2, max_queued=0)
    script = FORGE + f"""
import array, socket, time
def main():
    job = socket.socket(fileno=3)
    fds = array.array("i", [0, 1, 3])
    job.sendmsg([{"report(1, b'1')" if end == "return 1" else "b'PYX1' + struct.pack('<HHI', 3, 0, 100)"}])
    for _ in range(20):
        job.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    job.detach()
    {end}
"""
    descriptors = f"/proc/{service.process.pid}/fd"
    service.wait_full()
    before = len(os.listdir(descriptors))
    for _ in range(6):
        assert service.execute(script).status in (200, 422)
        service.wait_full()
    service.wait_until(lambda: len(os.listdir(descriptors)) <= before)


def test_patched_json_changes_only_its_own_value(service):
    script = """
import json, json.encoder, sys
def patched(*a, **k): return '1, "stdout": "forged", "x": 1'
json.dumps = patched
json.JSONEncoder.encode = patched
json.encoder.JSONEncoder.iterencode = patched
sys.modules["_pyexec_results"].encode = patched
def main(): return {"a": 1}
"""
    answer = service.execute(script)
    assert answer.outcome in ("ok", "not_serializable")
    assert set(answer.body) <= {"result", "stdout", "error"} and answer.body["stdout"] == ""


def test_error_text_is_bounded_and_keeps_its_end(service):
    answer = service.execute("def main(): raise ValueError('x' * 10_000_000 + ' the end')")
    assert answer.outcome == "exception"
    assert len(answer.body["error"]) < 70_000 and answer.body["error"].endswith("the end")


def test_error_text_of_a_hostile_exception(service):
    script = "class E(Exception):\n    def __str__(self): raise SystemExit\ndef main(): raise E"
    answer = service.execute(script)
    assert answer.outcome == "exception" and "E" in answer.body["error"]


def test_bodies_are_what_pythons_json_would_write(service):
    value = {"a": [1, 2.5, {"b": "c"}], "d": {}}
    assert result_of(service, repr(value)).raw == json.dumps({"result": value, "stdout": ""}).encode()
