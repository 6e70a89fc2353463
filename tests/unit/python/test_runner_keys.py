"""Keys of objects have the text that the same thing has as a value; and what NaN is, where the client says."""

import json

import pytest

from conftest import NOT_SERIALIZABLE, VALUE

SETUP = """
import collections, datetime, decimal, enum, fractions, pathlib, types, uuid
import numpy as np, pandas as pd
class Shade(enum.Enum):
    DARK = "dark"
class Word(str, enum.Enum):
    A = "a"
class Level(enum.IntEnum):
    ONE = 1
class Text(str): pass
nan, inf = float("nan"), float("inf")
"""
NULL = (False, [], 0, 0, 0, [], "null")


def outcome(run, expression, options=None):
    kind, text, _, _ = run(f"{SETUP}\ndef main():\n    return {expression}", options=options)
    return kind, text


@pytest.mark.parametrize(
    "key, text",
    [
        ("np.int64(7)", "7"), ("np.float64(1.5)", "1.5"), ("np.bool_(True)", "true"), ("np.str_('é')", "é"),
        ("pd.Timestamp('2024-03-01')", "2024-03-01T00:00:00"), ("datetime.date(2024, 1, 2)", "2024-01-02"),
        ("np.datetime64('2024-03-01')", "2024-03-01"), ("datetime.timedelta(1)", "P1DT0H0M0S"), ("pd.Period('2024-01')", "2024-01"),
        ("pd.Interval(0, 1)", "(0, 1]"), ("Shade.DARK", "dark"), ("Word.A", "a"), ("Level.ONE", "1"), ("Text('x')", "x"),
        ("uuid.UUID(int=1)", "00000000-0000-0000-0000-000000000001"), ("decimal.Decimal('1.10')", "1.10"),
        ("fractions.Fraction(1, 3)", "1/3"), ("pathlib.PurePath('a/b')", "a/b"), ("b'x'", "eA=="), ("pd.NaT", "null"),
        ("None", "null"), ("False", "false"), ("10 ** 30", "1" + "0" * 30), ("0.1", "0.1"),
    ],
)
def test_keys_convert_as_values_do(run, key, text):
    kind, found = outcome(run, f"[{{{key}: {{{key}: {key}}}}}, {{'a': 1}}]")
    assert kind == VALUE and list(json.loads(found)[0]) == list(json.loads(found)[0][text]) == [text]


def test_keys_of_a_dict_in_what_is_converted(run):
    assert outcome(run, "pd.Series([{np.int64(1): {Shade.DARK: 2}}])") == (VALUE, '[{"1": {"dark": 2}}]')


@pytest.mark.parametrize(
    "expression, json_text",
    [
        ("types.MappingProxyType({1: 2})", '{"1": 2}'),
        ("collections.ChainMap({'a': 1}, {'b': 2})", '{"b": 2, "a": 1}'),
        ("collections.UserDict({'a': collections.UserList([1])})", '{"a": [1]}'),
        ("collections.UserString('x')", '"x"'),
        ("np.array([(1, 2.5)], dtype=[('a', int), ('b', float)])[0]", "[1, 2.5]"),
        ("[np.dtype('int64'), pd.CategoricalDtype(), pd.offsets.MonthBegin()]", '["int64", "category", "MS"]'),
    ],
)
def test_mappings_and_other_types(run, expression, json_text):
    assert outcome(run, expression) == (VALUE, json_text)


@pytest.mark.parametrize(
    "expression, named",
    [
        ("{1: 'a', '1': 'b'}", "text \"1\": int 1 and str '1'"),
        ("{True: 1, 'true': 2}", "text \"true\": bool True and str 'true'"),
        ("{None: 1, 'null': 2}", "text \"null\""),
        ("{datetime.date(2024, 1, 1): 1, '2024-01-01': 2}", 'text "2024-01-01"'),
    ],
)
def test_two_keys_of_one_text_are_an_error_that_names_them(run, expression, named):
    for value, path in ((expression, "result"), (f"{{'x': [{expression}]}}", "result.x[0]")):
        kind, text = outcome(run, value)
        assert kind == NOT_SERIALIZABLE and text.startswith("ValueError: two keys of an object are the ")
        assert named in text and text.endswith(f"(at {path})")


@pytest.mark.parametrize("key", ["(1, 2)", "frozenset()", "Shade", "object()", "1j"])
def test_keys_without_a_text_are_an_error(run, key):
    kind, text = outcome(run, f"[{{{key}: 1}}]")
    assert kind == NOT_SERIALIZABLE and text.startswith("TypeError: keys must be str") and text.endswith("(at result[0])")


def test_a_key_without_a_text_is_named_by_its_own_type(run):
    assert "not frozenset" in run("def main():\n    return {frozenset({1}): 2}")[1]


def test_a_circle_below_other_keys_is_an_error(run):
    kind, text, _, _ = run("def main():\n    a = {1: []}\n    a[1].append(a)\n    return a")
    assert (kind, text) == (NOT_SERIALIZABLE, 'ValueError: Circular reference detected (at result["1"][0])')


def test_wide_and_deep_values_with_other_keys(run):
    source = "def main():\n    v = {0: 0}\n    for i in range(450): v = {i: v, 'x': [i]}\n    return v"
    assert run(source)[0] == VALUE
    source = "def main():\n    v = [1]\n    for _ in range(60): v = [v, v]\n    return len(str(v)) if False else {1: v[0] is v[1]}"
    assert run(source)[:2] == (VALUE, '{"1": true}')


@pytest.mark.parametrize(
    "expression, json_text",
    [
        ("nan", "null"), ("[nan, inf, -inf, 1.5]", "[null, null, null, 1.5]"), ("{'a': {nan: 1}}", '{"a": {"null": 1}}'),
        ("np.array([[1, nan]])", "[[1.0, null]]"), ("pd.Series([inf])", "[null]"), ("{1, nan} - {1}", "[null]"),
        ("{1: np.float32('nan'), 'b': (np.float64(2),)}", '{"1": null, "b": [2.0]}'),
        ("[1, 'NaN', {'x': True}]", '[1, "NaN", {"x": true}]'),
    ],
)
def test_nan_is_null_where_the_client_says_so(run, expression, json_text):
    assert outcome(run, expression, NULL) == (VALUE, json_text)


def test_other_problems_are_problems_still_where_nan_is_null(run):
    kind, text = outcome(run, "[nan, object()]", NULL)
    assert kind == NOT_SERIALIZABLE and text.endswith("(at result[1])")
    kind, text = outcome(run, r"[nan, '\ud800']", NULL)
    assert kind == NOT_SERIALIZABLE and text.endswith("(at result[1])")
