"""pandas's objects as results: labels are part of the value, and missing is null."""

import json

import pytest

from conftest import NOT_SERIALIZABLE, VALUE

SETUP = """
import datetime, decimal
import numpy as np, pandas as pd
orders = pd.DataFrame({"region": ["north", "south", "north"], "units": [1, 2, 5], "price": [1.5, None, 2.5]})
days = pd.to_datetime(["2024-01-05", "2024-01-20", "2024-02-01"])
"""


def value_of(run, expression, setup=""):
    kind, text, _, _ = run(f"{SETUP}\n{setup}\ndef main():\n    return {expression}")
    assert kind == VALUE, text
    return json.loads(text)


@pytest.mark.parametrize(
    "expression, value",
    [
        # no labels but those that pandas makes
        ("pd.Series([3, 4])", [3, 4]),
        ("orders[['units']]", [{"units": 1}, {"units": 2}, {"units": 5}]),
        ("orders.head(2)['units']", [1, 2]),
        ("[pd.Series([], dtype=float), pd.DataFrame({'a': []})]", [[], []]),
        # an object by label
        ("orders['region'].value_counts()", {"north": 2, "south": 1}),
        ("orders.groupby('region')['units'].sum()", {"north": 6, "south": 2}),
        ("orders[['units', 'price']].mean()", {"units": 8 / 3, "price": 2.0}),
        ("orders['units'].describe()['max':]", {"max": 5.0}),
        ("pd.Series([3, 4])[1:]", {"1": 4}),
        ("pd.Series([3, 4], index=pd.RangeIndex(2, name='n'))", {"0": 3, "1": 4}),
        ("pd.Series([1, 2, 3], index=days)", {"2024-01-05T00:00:00": 1, "2024-01-20T00:00:00": 2, "2024-02-01T00:00:00": 3}),
        ("pd.Series([1, 2, 3], index=days.date)", {"2024-01-05": 1, "2024-01-20": 2, "2024-02-01": 3}),
        ("pd.Series([1, 2, 5], index=days).resample('M').sum().to_period()", {"2024-01": 3, "2024-02": 5}),
        ("pd.Series([1, 2], index=[decimal.Decimal('1.10'), True])", {"1.10": 1, "true": 2}),
        ("pd.cut(orders['units'], [0, 2, 10]).value_counts().sort_index()", {"(0, 2]": 2, "(2, 10]": 1}),
        ("orders['price'].value_counts(dropna=False).sort_index()", {"1.5": 1, "2.5": 1, "null": 1}),
        ("orders.dtypes", {"region": "object", "units": "int64", "price": "float64"}),
        # rows, where labels are several, or not unique as text
        ("orders.set_index('region')['units']", [{"region": "north", "value": 1}, {"region": "south", "value": 2}, {"region": "north", "value": 5}]),
        ("pd.Series([1, 2], index=[1, '1'])", [{"index": 1, "value": 1}, {"index": "1", "value": 2}]),
        ("orders.groupby(['region', 'units']).size()",
         [{"region": "north", "units": 1, "value": 1}, {"region": "north", "units": 5, "value": 1}, {"region": "south", "units": 2, "value": 1}]),
        ("pd.Series([1], index=pd.MultiIndex.from_tuples([('a', 'b')]))", [{"level_0": "a", "level_1": "b", "value": 1}]),
        ("pd.Series([1], index=pd.Index(['a'], name='value')).append(pd.Series([2], index=['a'])) if hasattr(pd.Series, 'append') else "
         "pd.concat([pd.Series([1], index=['a']), pd.Series([2], index=['a'])])", [{"index": "a", "value": 1}, {"index": "a", "value": 2}]),
        # frames: the index first
        ("orders.groupby('region')[['units']].sum()", [{"region": "north", "units": 6}, {"region": "south", "units": 2}]),
        ("orders[orders['units'] > 1][['units']]", [{"index": 1, "units": 2}, {"index": 2, "units": 5}]),
        ("orders[['units']].describe().loc[['max']]", [{"index": "max", "units": 5.0}]),
        ("orders.groupby(['region', 'units'])[['price']].max()",
         [{"region": "north", "units": 1, "price": 1.5}, {"region": "north", "units": 5, "price": 2.5}, {"region": "south", "units": 2, "price": None}]),
        ("orders.set_index('units', drop=False)[['units']][:1]", [{"units_index": 1, "units": 1}]),
        ("pd.DataFrame({'index': [1]}, index=['a'])", [{"level_0": "a", "index": 1}]),
        ("orders.pivot_table(index='region', columns='units', values='price')",
         [{"region": "north", "1": 1.5, "5": 2.5}]),
        ("pd.DataFrame([[1]], columns=[pd.Timestamp('2024-01-01')])", [{"2024-01-01T00:00:00": 1}]),
        ("orders.groupby('region').agg({'units': ['sum', 'max']})",
         [{"region": "north", "('units', 'sum')": 6, "('units', 'max')": 5}, {"region": "south", "('units', 'sum')": 2, "('units', 'max')": 2}]),
        ("pd.DataFrame({'day': days}).assign(m=lambda d: d['day'].dt.to_period('M'))[['m']]", [{"m": "2024-01"}, {"m": "2024-01"}, {"m": "2024-02"}]),
        # in other values
        ("{'mean': orders.groupby('region')['units'].mean(), 'first': orders['units']}", {"mean": {"north": 3.0, "south": 2.0}, "first": [1, 2, 5]}),
    ],
)
def test_labels_are_part_of_the_value(run, expression, value):
    found = value_of(run, expression)
    assert json.dumps(found) == json.dumps(value)  # the order too


@pytest.mark.parametrize(
    "expression, value",
    [
        ("orders['price']", [1.5, None, 2.5]),
        ("orders[['price']]", [{"price": 1.5}, {"price": None}, {"price": 2.5}]),
        ("orders[['units', 'price']].corr().loc['units', 'units']", 1.0),
        ("pd.Series(['a', None, np.nan, pd.NA, pd.NaT])", ["a", None, None, None, None]),
        ("pd.Index([1.0, np.nan])", [1.0, None]),
        ("pd.Series([1, None], dtype='Int64')", [1, None]),
        ("pd.Series(pd.Categorical(['a', None]))", ["a", None]),
        ("pd.Series(pd.arrays.SparseArray([0.0, np.nan, 1.0]))", [0.0, None, 1.0]),
        ("pd.Series(pd.PeriodIndex(['2024-01', None], freq='M'))", ["2024-01", None]),
        ("pd.Series([pd.Interval(0.0, 1.0), None])", ["(0.0, 1.0]", None]),
        ("pd.MultiIndex.from_tuples([('a', 1.0), ('b', np.nan)])", [["a", 1.0], ["b", None]]),
        ("pd.Series([np.nan]).std()", None),
    ],
)
def test_missing_is_null_in_pandas(run, expression, value):
    if value is None:  # a number that came out of pandas is one of numpy's
        assert run(f"{SETUP}\ndef main(): return {expression}")[0] == NOT_SERIALIZABLE
    else:
        assert value_of(run, expression) == value


def test_infinity_in_pandas_stays_an_error(run):
    kind, text, _, _ = run(f"{SETUP}\ndef main(): return pd.Series([1.0, np.inf])")
    assert kind == NOT_SERIALIZABLE and text.endswith("(at result[1])")


@pytest.mark.parametrize("expression", ["orders.groupby('region')", "orders['region'].str", "pd.Series([1j])"])
def test_what_has_no_form_is_an_error(run, expression):
    assert run(f"{SETUP}\ndef main(): return {expression}")[0] == NOT_SERIALIZABLE
