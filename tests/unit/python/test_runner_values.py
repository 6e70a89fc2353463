"""What the value that a script returns is as JSON, or why it has none."""

import pytest

from conftest import EXCEPTION, NOT_SERIALIZABLE, VALUE

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
        ("[pandas.DataFrame(), pandas.DataFrame({'a': []}), pandas.DataFrame(index=[1, 2])]", '[[], [], [{"index": 1}, {"index": 2}]]'),
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
    assert text.endswith(' (NaN and Infinity have no JSON form; the request field "nan": "null" makes null of them) (at result.a[0])')


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
        ("{'d': collections.deque([1, Mine()])}", "result.d[1]"),
        ("numpy.array([[1, Mine()]], dtype=object)", "result[0][1]"),
        ("{'a': {'b': 1}.items(), 'c': {'d': Mine()}.items()}", "result.c[0][1]"),
        ("{'x' * 1000: Mine()}", 'result["' + "x" * 50 + "..." + "x" * 50 + '"]'),
    ],
)
def test_the_path_leads_to_the_value(run, expression, path):
    assert result_of(run, expression) == (NOT_SERIALIZABLE, f"TypeError: Object of type Mine is not JSON serializable (at {path})")


@pytest.mark.parametrize(
    "expression, start, path",
    [
        ("{'a': [{(1, 2): 3}]}", "TypeError: keys must be str, int, float, bool or None, not tuple", "result.a[0]"),
        ("{'a': {Mine: 1}}", "TypeError: keys must be str, int, float, bool or None, not type", "result.a"),
        ("[{'b': {1: 2, '1': 3}}]", "ValueError: two keys of an object are the text \"1\": int 1 and str '1'", "result[0].b"),
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


def test_what_nobody_asked_for_is_not_there(run):
    assert run("def main(): return [1]") == (VALUE, "[1]", [], [])
    assert run("def main(): return [1]", options=(True, [], 0, 0, 0, [])) == (VALUE, "[1]", [], [])
