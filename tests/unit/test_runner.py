"""What `run` makes of a script, without a service and a jail: each case in a forked child, as each job is."""

import importlib.metadata
import os
import pickle
import socket
import subprocess
import sys
import types
from pathlib import Path

import pytest

PYTHON_ENV = Path(__file__).parents[2] / "python_env"
MODULES = ("results", "failures", "returned_files", "denied_imports", "runner")  # in the order of worker/interpreter.cc
VALUE, INVALID_SCRIPT, EXCEPTION, NOT_SERIALIZABLE, MEMORY_LIMIT, OUTPUT_LIMIT, EXITED, INVALID_ARGUMENTS = range(1, 9)
RESULT_BYTES, ERROR_BYTES = 1 << 20, 1 << 16
DETAIL_BYTES = 16 << 10
PANDAS_MAJOR = int(importlib.metadata.version("pandas").split(".")[0])


def load(name):
    """As the embedded interpreter does."""
    module = types.ModuleType(f"_pyexec_{name}")
    module.__file__ = f"<pyexec {name.replace('_', ' ')}>"
    exec(compile((PYTHON_ENV / f"{name}.py").read_text(), module.__file__, "exec"), module.__dict__)
    sys.modules[module.__name__] = module
    return module


for loaded in MODULES:
    runner = load(loaded)


@pytest.fixture
def run(tmp_path):
    """Calls runner.run in a child whose working directory is tmp_path, and returns what it returned."""

    def in_child(source, inputs=None, wants=None, result_bytes=RESULT_BYTES, error_bytes=ERROR_BYTES):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(read_end)
                os.environ["TMPDIR"] = str(tmp_path)
                os.chdir("/")
                outcome = runner.run(source, result_bytes, error_bytes, inputs, wants)
                with open(write_end, "wb") as pipe:
                    pickle.dump(outcome, pipe)
            finally:
                os._exit(0)
        os.close(write_end)
        with open(read_end, "rb") as pipe:
            data = pipe.read()
        os.waitpid(pid, 0)
        assert data, "run() raised"
        kind, text, detail, files = pickle.loads(data)
        assert type(text) is bytes and type(detail) is list and type(files) is list
        return kind, text.decode(), detail, files

    return in_child


SETUP = """
import array, collections, dataclasses, datetime, decimal, enum, fractions, pathlib, uuid
import numpy, pandas
numpy_, pandas_ = numpy, pandas
class Color(enum.Enum):
    RED = "red"
    DEEP = {1, 2}
class Number(enum.IntEnum):
    ONE = 1
class Flags(enum.Flag):
    A = 1
    B = 2
@dataclasses.dataclass
class Point:
    x: int
    y: object = None
    @property
    def z(self): return 3
class Mine: pass
class MyDecimal(decimal.Decimal): pass
class MyArray(numpy.ndarray): pass
Pair = collections.namedtuple("Pair", "a b")
"""


def result_of(run, expression, setup=""):
    kind, text, _, _ = run(f"{SETUP}\n{setup}\ndef main():\n    return {expression}")
    return kind, text


# ---- conversions


@pytest.mark.parametrize(
    "expression, json_text",
    [
        # numpy scalars
        ("numpy.bool_(True)", "true"),
        ("[numpy.int8(-128), numpy.uint64(2**64 - 1), numpy.int64(-2**63)]", "[-128, 18446744073709551615, -9223372036854775808]"),
        ("[numpy.float16(0.5), numpy.float32(0.25), numpy.float64(0.1), numpy.longdouble(1.5)]", "[0.5, 0.25, 0.1, 1.5]"),
        ("numpy.str_('é')", '"é"'),
        # numpy arrays
        ("numpy.arange(6).reshape(2, 3)", "[[0, 1, 2], [3, 4, 5]]"),
        ("[numpy.array([]), numpy.array(5), numpy.zeros((2, 0))]", "[[], 5, [[], []]]"),
        ("numpy.array([1, 2, 3]).view(MyArray)", "[1, 2, 3]"),
        ("numpy.array([True, False])", "[true, false]"),
        ("numpy.array([1.5], dtype=numpy.longdouble)", "[1.5]"),
        ("numpy.array([{1, 2}, decimal.Decimal('1.0'), None], dtype=object)", '[[1, 2], "1.0", null]'),
        ("numpy.array([(1, 2.5)], dtype=[('a', int), ('b', float)])", "[[1, 2.5]]"),
        ("numpy.ma.array([1, 2], mask=[False, True])", "[1, null]"),
        ("numpy.array(['2020-01-01', 'NaT'], dtype='datetime64[D]')", '["2020-01-01", null]'),
        ("numpy.array('2020-01-01T00:00:00.000000001', dtype='datetime64[ns]')", '"2020-01-01T00:00:00.000000001"'),
        ("numpy.array([[90, -1]], dtype='timedelta64[s]')", '[["P0DT0H1M30S", "-P0DT0H0M1S"]]'),
        # times
        ("numpy.datetime64('2020-02-29T12:00')", '"2020-02-29T12:00"'),
        ("numpy.datetime64('NaT')", "null"),
        ("[numpy.timedelta64(3, 'D'), numpy.timedelta64(2, 'W'), numpy.timedelta64(3, 'M'), numpy.timedelta64(-1, 'Y')]",
         '["P3DT0H0M0S", "P14DT0H0M0S", "P3M", "-P1Y"]'),
        ("[numpy.timedelta64(1, 'as'), numpy.timedelta64('NaT')]", '["P0DT0H0M0.000000000000000001S", null]'),
        ("numpy.timedelta64(3, '25us')", '"P0DT0H0M0.000075S"'),
        ("datetime.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)", '"2020-01-02T03:04:05.000006+00:00"'),
        ("[datetime.date(1, 1, 1), datetime.time(23, 59)]", '["0001-01-01", "23:59:00"]'),
        ("datetime.timedelta(days=1, hours=2, minutes=3, seconds=4.5)", '"P1DT2H3M4.5S"'),
        ("[datetime.timedelta(), datetime.timedelta(microseconds=-1), datetime.timedelta.max]",
         '["P0DT0H0M0S", "-P0DT0H0M0.000001S", "P999999999DT23H59M59.999999S"]'),
        ("pandas.Timestamp('2020-01-01T00:00:00.000000001')", '"2020-01-01T00:00:00.000000001"'),
        ("pandas.Timedelta('1 days 00:00:00.000000001')", '"P1DT0H0M0.000000001S"'),
        ("pandas.Timedelta(-1, 's')", '"-P0DT0H0M1S"'),
        ("[pandas.NaT, pandas.NA]", "[null, null]"),
        # pandas
        ("pandas.Series([1, 2])", "[1, 2]"),
        ("pandas.Series([1, None], dtype='Int64')", "[1, null]"),
        ("pandas.Series(pandas.to_datetime(['2020-01-01', None]))", '["2020-01-01T00:00:00", null]'),
        ("[pandas.Index(['a', 'b']), pandas.MultiIndex.from_tuples([(1, 'a')]), pandas.RangeIndex(2)]", '[["a", "b"], [[1, "a"]], [0, 1]]'),
        ("pandas.Series(['a', 'b', 'a']).astype('category').unique()", '["a", "b"]'),
        ("pandas.DataFrame({'a': [1, 2], 'b': ['x', None]})", '[{"a": 1, "b": "x"}, {"a": 2, "b": null}]'),
        ("pandas.DataFrame({1: [True], ('x', 2): [pandas.Timedelta(1, 's')]})", '[{"1": true, "(\'x\', 2)": "P0DT0H0M1S"}]'),
        ("[pandas.DataFrame(), pandas.DataFrame({'a': []}), pandas.DataFrame(index=[1, 2])]", "[[], [], [{}, {}]]"),
        ("pandas.DataFrame({'a': [1, 2]}).groupby('a').sum().reset_index()", '[{"a": 1}, {"a": 2}]'),
        # Python's own
        ("[decimal.Decimal('1.10'), decimal.Decimal('1E+5'), MyDecimal(1)]", '["1.10", "1E+5", "1"]'),
        ("fractions.Fraction(2, 6)", '"1/3"'),
        ("uuid.UUID(int=1)", '"00000000-0000-0000-0000-000000000001"'),
        ("pathlib.PurePosixPath('/a/b')", '"/a/b"'),
        ("[Color.RED, Color.DEEP, Number.ONE, Flags.A | Flags.B]", '["red", [1, 2], 1, 3]'),
        ("Point(1, Point(2, {3}))", '{"x": 1, "y": {"x": 2, "y": [3]}}'),
        ("[{3, 1, 2}, frozenset('ba'), set()]", '[[1, 2, 3], ["a", "b"], []]'),
        ("[b'x', bytearray(b'\\xff'), memoryview(b'abcdef')[::2], b'']", '["eA==", "/w==", "YWNl", ""]'),
        ("[collections.deque([1], 5), range(3), range(0)]", "[[1], [0, 1, 2], []]"),
        ("[{'a': 1}.keys(), {'a': 1}.values(), {'a': 1}.items(), collections.OrderedDict(a=1).keys()]", '[["a"], [1], [["a", 1]], ["a"]]'),
        ("[Pair(1, 2), collections.Counter('aa'), collections.defaultdict(list, a=[1])]", '[[1, 2], {"a": 2}, {"a": [1]}]'),
        ("{'a': [{'b': {decimal.Decimal(1)}}]}", '{"a": [{"b": ["1"]}]}'),
    ],
)
def test_types_with_a_json_form(run, expression, json_text):
    assert result_of(run, expression) == (VALUE, json_text)


def test_a_set_that_cannot_be_sorted_is_a_list_all_the_same(run):
    kind, text = result_of(run, "{1, 'a'}")
    assert kind == VALUE and text in ('[1, "a"]', '["a", 1]')


def test_elements_of_a_set_that_do_not_want_to_be_compared(run):
    setup = "class E(decimal.Decimal):\n    def __lt__(self, other): raise KeyError\n    __hash__ = decimal.Decimal.__hash__"
    assert result_of(run, "{E(1), E(2)}", setup)[0] == VALUE


@pytest.mark.parametrize(
    "expression, text",
    [
        ("Mine()", "TypeError: Object of type Mine is not JSON serializable (at result)"),
        ("1j", "TypeError: Object of type complex is not JSON serializable (at result)"),
        ("[numpy.complex64(1)]", "TypeError: Object of type complex64 is not JSON serializable (at result[0])"),
        ("numpy.array([1j])", "TypeError: Object of type complex is not JSON serializable (at result[0])"),
        ("numpy.timedelta64(3)", "TypeError: a numpy.timedelta64 without a unit has no ISO 8601 form (at result)"),
        ("pandas.DataFrame([[1, 2]], columns=['a', 'a'])",
         "ValueError: a DataFrame has several columns 'a', of which a record holds one (at result)"),
        ("pandas.DataFrame([[1, 2]], columns=['1', 1])",
         "ValueError: a DataFrame has several columns '1', of which a record holds one (at result)"),
        ("(n for n in range(3))", "TypeError: Object of type generator is not JSON serializable (at result)"),
        ("[iter([])]", "TypeError: Object of type list_iterator is not JSON serializable (at result[0])"),
        ("map(str, [])", "TypeError: Object of type map is not JSON serializable (at result)"),
        ("Point", "TypeError: Object of type type is not JSON serializable (at result)"),
        ("[main]", "TypeError: Object of type function is not JSON serializable (at result[0])"),
        ("array.array('i')", "TypeError: Object of type array is not JSON serializable (at result)"),
    ],
)
def test_types_without_a_json_form(run, expression, text):
    assert result_of(run, expression) == (NOT_SERIALIZABLE, text)


def test_a_released_buffer_is_an_error(run):
    assert result_of(run, "[view]", "view = memoryview(b'x')\nview.release()")[0] == NOT_SERIALIZABLE


@pytest.mark.parametrize("value", ["float('nan')", "float('-inf')", "numpy.float64('nan')", "numpy.float32('inf')",
                                   "numpy.longdouble('nan')", "Color2.NAN"])
def test_nan_and_infinity_stay_an_error(run, value):
    kind, text = result_of(run, f"{{'a': [{value}]}}", "class Color2(enum.Enum):\n    NAN = float('nan')")
    assert kind == NOT_SERIALIZABLE
    assert text.startswith("ValueError: Out of range float values are not JSON compliant")
    assert text.endswith(" (NaN and Infinity have no JSON form) (at result.a[0])")


def test_a_conversion_that_raises_is_the_scripts_exception(run):
    setup = "@dataclasses.dataclass\nclass Half:\n    x: int = dataclasses.field(init=False)"
    kind, text = result_of(run, "Half()", setup)
    assert kind == EXCEPTION and "'Half' object has no attribute 'x'" in text and "<pyexec" not in text


def test_a_large_frame_is_converted_whole(run):
    kind, text = result_of(run, "pandas.DataFrame({'a': numpy.arange(1000), 'b': numpy.arange(1000) / 2})")
    assert kind == VALUE and text.count("{") == 1000 and text.endswith('{"a": 999, "b": 499.5}]')


# ---- the path to what has no form


@pytest.mark.parametrize(
    "expression, path",
    [
        ("{'items': [0, 1, 2, {'price': Mine()}]}", "result.items[3].price"),
        ("[[[]], [[], [Mine()]]]", "result[1][1][0]"),
        ("(1, (2, Mine()))", "result[1][1]"),
        ("{'a b': Mine()}", 'result["a b"]'),
        ("{'': Mine()}", 'result[""]'),
        ("{'\"': Mine()}", 'result["\\""]'),
        ("{'é': {'1': Mine()}}", 'result.é["1"]'),
        ("{1: {True: {None: {1.5: Mine()}}}}", 'result["1"].true.null["1.5"]'),
        ("Point(1, Point(2, Mine()))", "result.y.y"),
        ("{'s': {Mine()}}", "result.s[0]"),
        ("pandas.DataFrame({'price': [1, 2, Mine()]})", "result[2].price"),
        ("pandas.Series([pandas.Period('2020')])", "result[0]"),
        ("{'d': collections.deque([1, Mine()])}", "result.d[1]"),
        ("numpy.array([[1, Mine()]], dtype=object)", "result[0][1]"),
        ("{'a': {'b': 1}.items(), 'c': {'d': Mine()}.items()}", "result.c[0][1]"),
        ("{'x' * 1000: Mine()}", 'result["' + "x" * 50 + "..." + "x" * 50 + '"]'),
    ],
)
def test_the_path_leads_to_the_value(run, expression, path):
    assert result_of(run, expression) == (NOT_SERIALIZABLE, f"TypeError: Object of type {'Period' if 'Period' in path + expression else 'Mine'} is not JSON serializable (at {path})")


@pytest.mark.parametrize(
    "expression, start, path",
    [
        ("{'a': [{(1, 2): 3}]}", "TypeError: keys must be str, int, float, bool or None, not tuple", "result.a[0]"),
        ("{'a': {numpy.int64(1): 1}}", "TypeError: keys must be str, int, float, bool or None, not numpy.int64", "result.a"),
        ("{'a': {float('nan'): 1}}", "ValueError: Out of range float values", "result.a"),
        (r"['a', {'b': '\ud800'}]", "UnicodeEncodeError: the result holds a lone surrogate, which has no UTF-8 form", "result[1].b"),
        (r"[{'\ud800': 1}]", "UnicodeEncodeError: the result holds a lone surrogate, which has no UTF-8 form", r'result[0]["\ud800"]'),
    ],
)
def test_the_path_of_other_problems(run, expression, start, path):
    kind, text = result_of(run, expression)
    assert kind == NOT_SERIALIZABLE and text.startswith(start) and text.endswith(f" (at {path})")


def test_the_path_of_a_circle_ends_where_it_closes(run):
    source = "def main():\n    a = {'b': [1]}\n    a['b'].append(a)\n    return a"
    assert run(source)[:2] == (NOT_SERIALIZABLE, "ValueError: Circular reference detected (at result.b[1])")
    source = SETUP + "def main():\n    p = Point(1)\n    p.y = [p]\n    return p"
    assert run(source)[:2] == (NOT_SERIALIZABLE, "ValueError: Circular reference detected (at result.y[0])")


def test_one_value_at_two_places_is_no_circle(run):
    assert result_of(run, "[a, a, {'a': a}]", "a = [1]") == (VALUE, '[[1], [1], {"a": [1]}]')
    assert result_of(run, "[a, a, {'a': a}, Mine()]", "a = [1]")[1].endswith("(at result[3])")


def test_what_is_too_large_or_too_deep_has_no_path(run):
    assert result_of(run, "[list(range(1_000_001)), Mine()]")[1] == "TypeError: Object of type Mine is not JSON serializable"
    source = "def main():\n    v = []\n    for _ in range(100000): v = [v]\n    return v"
    assert run(source)[:2] == (NOT_SERIALIZABLE, "RecursionError: the result is nested too deeply")


def test_a_long_path_loses_its_middle(run):
    source = SETUP + "def main():\n    v = Mine()\n    for _ in range(400): v = [v]\n    return v"
    assert run(source)[1].endswith("(at result" + "[0]" * 50 + "[...]" + "[0]" * 50 + ")")


def test_a_value_that_changes_when_it_is_looked_at_again(run):
    source = "class L(list):\n    def __iter__(self):\n        if seen: raise SystemExit\n        seen.append(1)\n        return iter([main])\nseen = []\ndef main(): return L([1])"
    assert run(source)[0] == NOT_SERIALIZABLE


# ---- detail

DETAIL = (True, [], 0, 0, 0, [])


def detail_of(run, source, inputs=None, **knobs):
    kind, text, detail, files = run(source, inputs, DETAIL, **knobs)
    assert files == [] and len({name for name, _ in detail}) == len(detail)
    assert all(type(name) is str and type(value) is bytes and len(value) <= DETAIL_BYTES for name, value in detail)
    order = ("type", "message", "line", "column", "traceback", "source", "source_line", "exit_code")
    assert [name for name, _ in detail] == [name for name in order if name in dict(detail)]
    return kind, text, {name: value.decode() for name, value in detail}


def test_detail_of_an_exception(run):
    source = "# 1\n# 2\ndef f():\n    é = 0; return 1 / é\n# 5\n# 6\n# 7\ndef main():\n    return f()\n"
    kind, text, detail = detail_of(run, source)
    assert kind == EXCEPTION
    assert detail == {
        "type": "ZeroDivisionError", "message": "division by zero", "line": "4", "column": "19", "traceback": text,
        "source": "# 2\ndef f():\n    é = 0; return 1 / é\n# 5\n# 6", "source_line": "2",
    }


def test_detail_is_empty_where_there_is_nothing_to_say_or_nobody_asks(run):
    assert detail_of(run, "def main(): return 1") == (VALUE, "1", {})
    assert detail_of(run, "x = 1")[2] == {} and detail_of(run, "main = 1")[2] == {}
    assert detail_of(run, "def main(): return 'x' * 100", result_bytes=10)[2] == {}
    assert run("def main(): return 1 / 0", wants=(False, [], 0, 0, 0, []))[2] == []
    assert run("def main(): return 1 / 0")[2] == []


def test_detail_of_a_class_of_the_scripts_own(run):
    kind, _, detail = detail_of(run, "class A:\n    class E(Exception): pass\ndef main(): raise A.E('é')")
    assert (kind, detail["type"], detail["message"]) == (EXCEPTION, "script.A.E", "é")


def test_detail_of_an_exception_in_a_library_points_into_the_script(run):
    source = "import json\n\ndef main():\n    return json.loads('{')"
    _, text, detail = detail_of(run, source)
    assert detail["type"] == "json.decoder.JSONDecodeError" and (detail["line"], detail["column"]) == ("4", "12")
    assert detail["traceback"] == text and "<pyexec" not in text


def test_detail_of_an_exception_while_the_module_runs_and_in_an_async_main(run):
    assert detail_of(run, "\n\n  \nraise ValueError")[2]["line"] == "4"
    assert detail_of(run, "async def main():\n    raise ValueError")[2]["line"] == "2"


def test_detail_counts_lines_as_python_does(run):
    source = "a = '''\x0b\x0c\x1c\u2028'''\r\nb = 1\rdef main(): raise ValueError"
    assert (detail_of(run, source)[2]["line"], detail_of(run, source)[2]["source_line"]) == ("3", "1")
    assert detail_of(run, source)[2]["source"].endswith("def main(): raise ValueError")


@pytest.mark.parametrize(
    "source, class_name, line, column, around",
    [
        ("def main(:\n    pass\n", "SyntaxError", "1", "10", "def main(:\n    pass"),
        ("é = '''x'''; é é\n", "SyntaxError", "1", "16", "é = '''x'''; é é"),
        ("def main():\nreturn 1", "IndentationError", "2", "1", "def main():\nreturn 1"),
        ("x = 1\nreturn 2", "SyntaxError", "2", "1", "x = 1\nreturn 2"),
    ],
)
@pytest.mark.parametrize("denied", [[], ["nothing"]])
def test_detail_of_a_syntax_error(run, source, class_name, line, column, around, denied):
    kind, text, detail, _ = run(source, wants=(True, [], 0, 0, 0, denied))
    detail = {name: value.decode() for name, value in detail}
    assert kind == INVALID_SCRIPT and text == f"Syntax error in script: {detail['message']}"
    assert (detail["type"], detail["line"], detail["column"]) == (class_name, line, column)
    assert (detail["source"], detail["source_line"]) == (around, "1") and "traceback" not in detail


def test_detail_of_a_script_that_is_no_text(run):
    kind, _, detail = detail_of(run, "x = 1\0")
    assert kind == INVALID_SCRIPT and detail["type"] in ("ValueError", "SyntaxError") and "null bytes" in detail["message"]


@pytest.mark.parametrize(
    "code, exit_code",
    [("0", "0"), ("3", "3"), ("-1", "255"), ("None", "0"), ("", "0"), ("True", "1"), ("'text'", "1"), ("1.5", "1"), ("256", "0")],
)
def test_detail_of_an_exit(run, code, exit_code):
    kind, _, detail = detail_of(run, f"import sys\ndef main():\n    sys.exit({code})")
    assert (kind, detail["type"], detail["line"], detail.get("exit_code")) == (EXITED, "SystemExit", "3", exit_code)


def test_detail_of_other_outcomes(run):
    kind, text, detail = detail_of(run, "def main(a): pass", ("[]", b"", [], []))
    assert (kind, detail) == (INVALID_ARGUMENTS, {"type": "TypeError", "message": text})
    kind, text, detail = detail_of(run, "def main(): return [main]")
    assert (kind, f"{detail['type']}: {detail['message']}") == (NOT_SERIALIZABLE, text) and len(detail) == 2
    kind, _, detail = detail_of(run, "def main(): raise MemoryError")
    assert (kind, detail["type"], detail["line"]) == (MEMORY_LIMIT, "MemoryError", "1")


@pytest.mark.parametrize(
    "body",
    [
        "def __str__(self): raise SystemExit",
        "def __str__(self): return 1",
        "def __str__(self): raise KeyboardInterrupt",
        "class S(str):\n        encode = None\n        def __str__(self): raise ValueError\n    def __str__(self): return self.S('x')",
        "__module__ = 5",
        "__traceback__ = 5",
        "__traceback__ = property(lambda self: 1 / 0)",
        "__class__ = int",
    ],
)
def test_an_exception_that_does_not_want_to_be_described(run, body):
    kind, _, detail = detail_of(run, f"class E(Exception):\n    {body}\ndef main(): raise E")
    assert kind == EXCEPTION and "message" in detail and detail["type"]


def test_values_are_bounded_and_stay_utf8(run):
    kind, _, detail = detail_of(run, "def main(): raise ValueError('é' * 50000 + 'end')")
    assert len(detail["message"].encode()) > DETAIL_BYTES - 10
    assert detail["message"].startswith("éé") and detail["message"].endswith("éend") and "\n[...]\n" in detail["message"]
    assert detail["traceback"].startswith("Traceback") and detail["traceback"].endswith("éend")
    assert len(detail_of(run, "x = 1\n" + "#" * 50000 + "\nraise ValueError")[2]["source"]) <= DETAIL_BYTES


def test_a_lone_surrogate_in_a_message_is_escaped(run):
    assert detail_of(run, r"def main(): raise ValueError('\ud800')")[2]["message"] == r"\ud800"


def test_error_text_is_bounded(run):
    kind, text, _, _ = run("def main(): raise ValueError('é' * 50000 + 'end')", error_bytes=1001)
    assert kind == EXCEPTION and len(text.encode()) <= 1001 and text.endswith("éend") and "\n[...]\n" in text


# ---- files

COUNT, DEPTH, BYTES = 1000, 8, 1 << 20


def files_of(run, source, patterns, inputs=None, files_bytes=BYTES, count=COUNT, depth=DEPTH):
    if "def main" not in source:
        source = f"import os\nfrom pathlib import Path\ndef main():\n    {source}"
    kind, text, _, files = run(source, inputs, (False, patterns, files_bytes, count, depth, []))
    assert all(type(name) is str and type(data) is bytes for name, data in files)
    return kind, text, files


TREE = ("a.txt", "b.csv", ".hidden", "out/1.png", "out/2.txt", "out/deep/3.png", "out/deep/er/4.png", "other/out/5.png", "a[1].txt")
MAKE_TREE = f"for name in {TREE!r}: Path(name).parent.mkdir(parents=True, exist_ok=True); Path(name).write_text(name)"


@pytest.mark.parametrize(
    "patterns, names",
    [
        (["a.txt"], ["a.txt"]),
        (["./a.txt", "out//1.png"], ["a.txt", "out/1.png"]),
        (["*"], [".hidden", "a.txt", "a[1].txt", "b.csv"]),
        (["*.txt"], ["a.txt", "a[1].txt"]),
        (["?.*"], ["a.txt", "b.csv"]),
        (["[ab].*"], ["a.txt", "b.csv"]),
        (["[!a].*"], ["b.csv"]),
        (["a[[]1].txt"], ["a[1].txt"]),
        ([".*"], [".hidden"]),
        (["out/*"], ["out/1.png", "out/2.txt"]),
        (["out/**"], ["out/1.png", "out/2.txt", "out/deep/3.png", "out/deep/er/4.png"]),
        (["**/*.png"], ["other/out/5.png", "out/1.png", "out/deep/3.png", "out/deep/er/4.png"]),
        (["**"], sorted(TREE)),
        (["**/**"], sorted(TREE)),
        (["out/**/4.png"], ["out/deep/er/4.png"]),
        (["out/**/**/1.png"], ["out/1.png"]),
        (["**/out/*.png"], ["other/out/5.png", "out/1.png"]),
        (["*/*/*"], ["other/out/5.png", "out/deep/3.png"]),
        (["a.txt", "*.txt", "**"], sorted(TREE)),
        (["out"], []),
        (["a.txt/**"], []),
        (["", ".", "/", "..", "../*", "/etc/passwd", "../../../etc/passwd", "nothing", "A.TXT", "["], []),
    ],
)
def test_patterns(run, patterns, names):
    kind, text, files = files_of(run, MAKE_TREE, patterns)
    assert (kind, text) == (VALUE, "null")
    assert files == [(name, name.encode()) for name in names]


def test_without_patterns_nothing_is_returned(run):
    assert files_of(run, MAKE_TREE, [])[2] == []
    assert run("def main(): open('x', 'w')")[3] == []


def test_data_is_what_was_written(run):
    everything = bytes(range(256)) * 3000
    assert files_of(run, f"Path('x').write_bytes(bytes(range(256)) * 3000); Path('y').touch()", ["*"])[2] == [("x", everything), ("y", b"")]


@pytest.mark.parametrize(
    "end, kind",
    [("return 1", VALUE), ("raise ValueError", EXCEPTION), ("raise SystemExit(3)", EXITED), ("return main", NOT_SERIALIZABLE),
     ("raise MemoryError", MEMORY_LIMIT), ("return 'x' * 2000000", OUTPUT_LIMIT)],
)
def test_files_come_back_however_main_ended(run, end, kind):
    outcome = files_of(run, f"def main():\n    open('x', 'w').write('1')\n    {end}", ["x"])
    assert (outcome[0], outcome[2]) == (kind, [("x", b"1")])
    assert "return_files" not in outcome[1]


def test_no_files_of_a_script_that_did_not_get_to_main(run):
    assert files_of(run, "open('x', 'w')\ndef main(a): pass", ["x"], ("[]", b"", [], []))[::2] == (INVALID_ARGUMENTS, [])
    assert files_of(run, "open('x', 'w')\ndef main2(a): pass\nmain = 3", ["x"])[::2] == (INVALID_SCRIPT, [])


def test_input_files_that_match_come_back_too(run):
    inputs = ("", b"", [("in/a", b"1"), ("in/b", b"2")], [])
    assert files_of(run, "Path('in/b').write_text('3')", ["in/*"], inputs)[2] == [("in/a", b"1"), ("in/b", b"3")]


LINKS = """
os.symlink('/etc/passwd', 'passwd'); os.symlink('/etc', 'etc'); os.symlink('real', 'link'); os.symlink('dir', 'dirlink')
    os.symlink('nowhere', 'dangling'); os.symlink('loop', 'loop'); os.symlink('.', 'here'); os.symlink('..', 'up')
    Path('real').write_text('r'); Path('dir').mkdir(); Path('dir/file').write_text('f'); os.link('real', 'hard')
"""


@pytest.mark.parametrize("patterns", [["**"], ["*", "*/*"], ["passwd", "etc/passwd", "dirlink/file", "up/**", "link", "here/real", "dir/file", "real", "hard"]])
def test_symbolic_links_are_neither_returned_nor_followed(run, patterns):
    kind, _, files = files_of(run, LINKS.strip(), patterns)
    assert kind == VALUE and files == [("dir/file", b"f"), ("hard", b"r"), ("real", b"r")]


def test_only_regular_files_are_read(run, tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(tmp_path)
    listener.bind("socket")
    os.chdir(here)
    if os.geteuid() == 0:
        os.mknod(tmp_path / "zero", 0o20666, os.makedev(1, 5))
    kind, _, files = files_of(run, "os.mkfifo('fifo'); Path('file').touch()", ["**", "fifo", "socket", "zero"])
    assert kind == VALUE and files == [("file", b"")]


def test_the_directory_is_the_one_the_job_began_in(run):
    script = "import os\ndef main():\n    open('x', 'w')\n    os.chdir('/etc')\n    os.environ['TMPDIR'] = '/etc'"
    assert files_of(run, script, ["*"])[2] == [("x", b"")]


def test_a_directory_that_is_not_there_has_no_files(run, tmp_path):
    assert files_of(run, f"import shutil; shutil.rmtree({str(tmp_path)!r})", ["**"])[::2] == (VALUE, [])
    tmp_path.mkdir()


def test_count_limit(run):
    assert len(files_of(run, "[Path(str(n)).touch() for n in range(5)]", ["*"], count=5)[2]) == 5
    assert files_of(run, "[Path(str(n)).touch() for n in range(6)]", ["*"], count=5) == (
        OUTPUT_LIMIT, "return_files: 6 files match, more than the limit of 5", [])
    assert len(files_of(run, "[Path(str(n)).touch() for n in range(9)]", ["[0-4]"], count=5)[2]) == 5


def test_bytes_limit(run, tmp_path):
    assert files_of(run, "Path('a').write_bytes(b'x' * 60); Path('b').write_bytes(b'x' * 40)", ["*"], files_bytes=100)[0] == VALUE
    over = (OUTPUT_LIMIT, "return_files: more than the limit of 100 bytes", [])
    assert files_of(run, "Path('a').write_bytes(b'x' * 60); Path('b').write_bytes(b'x' * 41)", ["*"], files_bytes=100) == over
    assert files_of(run, "Path('a').write_bytes(b'x' * 101)", ["*"], files_bytes=100) == over
    assert files_of(run, "open('a', 'w').truncate(1 << 40)", ["*"], files_bytes=100) == over  # of holes
    for name in "ab":
        (tmp_path / name).unlink()
    assert files_of(run, "Path('a').touch()", ["*"], files_bytes=0)[::2] == (VALUE, [("a", b"")])


def test_depth_limit(run):
    make = "Path('a/b/c').mkdir(parents=True, exist_ok=True); Path('a/b/file').touch()"
    assert files_of(run, make + "; Path('a/b/c').rmdir()", ["**"], depth=2)[::2] == (VALUE, [("a/b/file", b"")])
    assert files_of(run, make, ["**"], depth=2) == (
        OUTPUT_LIMIT, "return_files: 'a/b/c/...' lies deeper than the limit of 2 directories", [])
    assert files_of(run, make, ["a/*/*"], depth=2)[::2] == (VALUE, [("a/b/file", b"")])
    assert files_of(run, make, ["*"], depth=0)[::2] == (VALUE, [])


def test_a_tree_deeper_than_names_and_descriptors_reach(run, tmp_path):
    deep = "for _ in range(3000): os.mkdir('d'); os.chdir('d')"
    kind, text, _ = files_of(run, deep, ["**"], depth=100)
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # pytest's own way does not reach down
    assert kind == OUTPUT_LIMIT and text.endswith("lies deeper than the limit of 100 directories")


def test_a_script_that_failed_too_is_not_forgotten(run):
    kind, text, files = files_of(run, "def main():\n    open('x', 'w').write('12')\n    raise ValueError('mine')", ["x"], files_bytes=1)
    assert kind == OUTPUT_LIMIT and files == [] and text.startswith("return_files: more than the limit of 1 bytes\n")
    assert text.endswith("ValueError: mine")


def test_names_that_are_not_utf8_are_escaped(run):
    kind, _, files = files_of(run, r"open(b'\xff\xc3\xa9', 'w'); open(b'a\n', 'w')", ["*"])
    assert (kind, files) == (VALUE, [("\\xffé", b""), ("a\n", b"")])
    assert files_of(run, r"open(b'\xff', 'w'); open('\\xff', 'w')", ["*"])[1] == r"return_files: two files are named '\\xff'"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_said_as_root_cannot(run):
    kind, text, _ = files_of(run, "Path('x').touch(0)", ["*"])
    assert (kind, text) == (OUTPUT_LIMIT, "return_files: 'x' cannot be read: Permission denied")


def test_a_job_without_descriptors_left(run):
    make = "import resource; Path('x').touch(); resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))"
    kind, text, _ = files_of(run, make, ["*"])
    assert kind == OUTPUT_LIMIT and text.endswith("cannot be read: Too many open files")


def test_files_that_come_and_go_while_they_are_read(run):
    script = """
import itertools, os, threading
def churn():
    for n in itertools.count():
        name = f"f{n % 50}"
        try:
            if n % 3 == 0: open(name, "w").write("x" * n)
            elif n % 3 == 1: os.unlink(name)
            else: os.symlink("/etc/passwd", name)
        except OSError: pass
def main():
    threading.Thread(target=churn, daemon=True).start()
"""
    for _ in range(10):
        kind, text, files = files_of(run, script, ["**"], files_bytes=1 << 26)
        assert kind == VALUE, text
        assert all(set(data) <= {120} for _, data in files)


def test_a_patched_os_changes_nothing(run):
    script = "import os, re, fnmatch\ndef main():\n    open('x', 'w').write('1')\n    os.open = os.read = os.scandir = os.fstat = None"
    assert files_of(run, script, ["*"])[::2] == (VALUE, [("x", b"1")])


def test_whatever_stops_the_walk_is_an_error_of_the_job(run):
    kind, text, files = files_of(run, "import fnmatch; fnmatch.translate = None; Path('x').touch()", ["*"])
    assert (kind, text, files) == (OUTPUT_LIMIT, "return_files: TypeError", [])


# ---- denied imports

DENIED = (False, [], 0, 0, 0, ["socket", "os.path", "ctypes"])


@pytest.mark.parametrize(
    "line, name",
    [
        ("import socket", "socket"),
        ("import json, socket as s", "socket"),
        ("from socket import AF_INET", "socket"),
        ("from socket import *", "socket"),
        ("import ctypes.util", "ctypes.util"),
        ("from ctypes.util import find_library", "ctypes.util"),
        ("import os.path", "os.path"),
        ("from os import path", "os.path"),
        ("def f():\n        import socket", "socket"),
        ("try: import socket\n    except ImportError: pass", "socket"),
        ("__import__('socket')", "socket"),
        ("__import__(name='socket')", "socket"),
        ("importlib.import_module('ctypes.util')", "ctypes.util"),
        ("import_module('socket', None)", "socket"),
        ("builtins.__import__('socket')", "socket"),
    ],
)
def test_denied_imports(run, line, name):
    kind, text, _, _ = run(f"if 1:\n    pass\n    {line}\ndef main(): pass", wants=DENIED)
    at = 4 if line.startswith("def") else 3
    assert (kind, text) == (INVALID_SCRIPT, f"importing {name!r} is not allowed by this service (line {at})")


@pytest.mark.parametrize(
    "line",
    ["import json", "import os", "from os import getcwd", "import socketserver", "import ctypes_ as x", "from . import socket",
     "from .socket import x", "'import socket'", "# import socket", "f('socket')", "__import__(socket)", "import_module()",
     "__import__(b'socket')", "x.socket", "__import__(*['socket'])"],
)
def test_imports_that_are_not_denied(run, line):
    kind, text, _, _ = run(f"def never():\n    {line}\n    pass\ndef main(): return 1", wants=DENIED)
    assert (kind, text) == (VALUE, "1"), text


def test_the_first_denied_import_is_named_with_its_place(run):
    source = "def f():\n    if 1:\n        é = 1; import ctypes\nimport socket\n"
    kind, text, detail, _ = run(source, wants=(True, ["*"], 1, 1, 1, ["socket", "ctypes"]))
    assert text == "importing 'ctypes' is not allowed by this service (line 3)"
    detail = {name: value.decode() for name, value in detail}
    assert detail == {"type": "ImportError", "message": text, "line": "3", "column": "16", "source": source.rstrip("\n"), "source_line": "1"}


def test_a_script_compiled_from_its_tree_is_the_same_script(run):
    source = '"""doc"""\nfrom __future__ import annotations\nimport inspect\ndef main(a: x = 1):\n    return [__doc__, inspect.getsource(main), main.__annotations__, 1 / 0]'
    assert run(source, wants=DENIED)[1] == run(source)[1]


def test_syntax_trees_beyond_bounds(run):
    for source in ("(" * 1000 + ")" * 1000, "x = " + "-" * 100000 + "1", "a" + ".a" * 50000, "x = " + "+".join("1" * 50000)):
        assert run(source, wants=DENIED)[0] == INVALID_SCRIPT


# ---- the common case


def test_what_nobody_asked_for_is_not_there(run):
    assert run("def main(): return [1]") == (VALUE, "[1]", [], [])
    assert run("def main(): return [1]", wants=(True, [], 0, 0, 0, [])) == (VALUE, "[1]", [], [])


def test_a_child_that_comes_back_from_main_does_not_report(run):
    kind, _, files = files_of(run, "if os.fork(): os.wait()\n    Path('x').touch()\n    return os.getpid()", ["*"])
    assert kind == VALUE and files == [("x", b"")]
