"""What values of numpy and pandas are sent as: the same as the service makes of them in a result."""

import datetime

import pyexec
import pytest

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")

MADE = """
import datetime
import numpy
import pandas

def make():
    days = pandas.to_datetime(["2024-01-01", None])
    return [
        pandas.Series(days).values, numpy.array([[1, 2]], "m8[s]"), numpy.array(5, "M8[D]"), numpy.datetime64("NaT"), numpy.timedelta64("NaT"),
        numpy.timedelta64(-90, "m"), numpy.timedelta64(3, "Y"), datetime.timedelta(seconds=1.5), pandas.Timedelta("-1 days 2 hours"),
        pandas.NaT, pandas.NA, pandas.Timestamp("2024-01-01", tz="UTC"),
        numpy.arange(4).reshape(2, 2), numpy.int64(3), numpy.float32(1.5), numpy.array([True]),
        pandas.Series([1, None]), pandas.Series(pandas.Categorical(["a", None])), pandas.Series([], dtype=float), pandas.Series([pandas.Timedelta("1D"), None]),
        pandas.Series([1, 2], index=["x", "y"]), pandas.Series([1, 2], index=["x", "x"]), pandas.Series([1, 2], index=days[:1].append(days[:1] + pandas.Timedelta("1D"))),
        pandas.Series([1.5, 2], index=[1, 2]), pandas.Series([1, 2], index=[True, False]), pandas.Series([1, 2], index=[(1, 2), (3, 4)]),
        pandas.DataFrame({"t": days, "n": [1.5, numpy.nan]}), pandas.DataFrame({"n": [1, 2]}, index=["x", "y"]), pandas.DataFrame({"n": [1, 2]}).iloc[1:],
        pandas.DataFrame({"n": [1]}, index=pandas.MultiIndex.from_tuples([("a", 1)], names=["q", None])), pandas.DataFrame({"index": [1]}, index=["z"]),
        pandas.DataFrame({"n": [1]}, index=pandas.Index(["a"], name="n")), pandas.DataFrame({("a", "b"): [1]}), pandas.DataFrame([[1, 2]]),
        pandas.DataFrame(index=[1, 2]), pandas.DataFrame(),
        pandas.Index([1, 2]), pandas.MultiIndex.from_tuples([("a", 1.0), ("b", numpy.nan)]), pandas.array([1, None], dtype="Int64"),
        pandas.period_range("2024-01", periods=2, freq="M"), pandas.Interval(0, 1),
    ]
"""


def test_values_are_sent_as_they_would_come_back(client):
    space = {}
    exec(MADE, space)
    values = space["make"]()
    there = client.run(MADE + "def main(): return make()").result
    assert client.run("def main(values): return values", values).result == there
    assert [one.result for one in client.map("def main(value): return value", values)] == there
    with client.stream("def main(*values): return values", *values) as stream:
        assert stream.answer().result == there


def test_moments_are_text_and_what_is_missing_is_null(client):
    values = pandas.Series(pandas.to_datetime(["2024-01-01"])).values
    assert client.run("def main(a): return a", values).result == ["2024-01-01T00:00:00.000000000"]
    assert client.run("def main(a): return a", {"a": pandas.NaT, "b": datetime.timedelta(days=1)}).result == {"a": None, "b": "P1DT0H0M0S"}


@pytest.mark.parametrize(
    "value, said",
    [
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "several columns 'a'"),
        (pandas.DataFrame({"a": [float("inf")]}), "JSON"),
        (numpy.array([float("nan")]), "JSON"),
        (numpy.timedelta64(1), "without a unit"),
    ],
    ids=["columns", "inf", "nan", "unit"],
)
def test_what_has_no_form_there_has_none_here(value, said):
    with pytest.raises(TypeError, match=said):
        pyexec.Client("http://127.0.0.1:1").run("def main(a): pass", value)
