"""pandas's objects as JSON's own types. Missing is `null` here, NaN too, and labels are part of a value: without them
its numbers say nothing. The index that pandas makes by itself, 0 to n - 1 without a name, is none.

text_of: gives the text of a label as an object's key, or raises TypeError.
"""

import numpy
import pandas

_OLD = int(pandas.__version__.split(".")[0]) < 2  # there the index of an empty Series holds objects


def cells(values):
    """The values of a Series, an Index or an array of pandas's own."""
    if isinstance(values, pandas.MultiIndex):
        levels = [cells(values.get_level_values(place)) for place in range(values.nlevels)]
        return [list(row) for row in zip(*levels)]
    found = values.tolist()
    for place in numpy.flatnonzero(numpy.asarray(pandas.isna(values))).tolist():
        found[place] = None
    return found


def series(value, text_of):
    """A list without labels; an object by label; rows, where labels are not unique as text, have none or are several."""
    if _is_default(value.index):
        return cells(value)
    if value.index.nlevels == 1:
        try:
            labels = [text_of(label) for label in cells(value.index)]
        except TypeError:
            labels = None
        if labels is not None and len(set(labels)) == len(labels):
            return dict(zip(labels, cells(value)))
    columns = _index_columns(value.index, {"value"}, text_of)
    columns["value"] = cells(value)
    return _rows(columns, len(value))


RECORDS, SPLIT, CSV = FORMS = ("records", "split", "csv")  # the request's field `dataframe`
form = RECORDS  # of this job


def frame(value, text_of):
    """In the form that this job has asked for."""
    if form == SPLIT:
        columns = [cells(value.iloc[:, place]) for place in range(value.shape[1])]
        data = [list(row) for row in zip(*columns)] if columns else [[] for _ in range(len(value))]
        return {"columns": cells(value.columns), "index": cells(value.index), "data": data}
    if form == CSV:
        return value.to_csv(index=not _is_default(value.index))
    return _records(value, text_of)


def _records(value, text_of):
    """Rows: an object for each, with the columns of the index first."""
    names = [_column_name(column, text_of) for column in cells(value.columns)]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"a DataFrame has several columns {twice!r}, of which a record holds one")
    columns = {} if _is_default(value.index) else _index_columns(value.index, set(names), text_of)
    for place, name in enumerate(names):
        columns[name] = cells(value.iloc[:, place])
    return _rows(columns, len(value))


def _is_default(index):
    if index.nlevels > 1 or index.name is not None:
        return False
    if isinstance(index, pandas.RangeIndex):
        return index.start == 0 and index.step == 1
    return _OLD and type(index) is pandas.Index and len(index) == 0


def _rows(columns, count):
    if not columns:
        return [{} for _ in range(count)]
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _column_name(column, text_of):
    try:
        return text_of(tuple(column) if isinstance(column, list) else column)
    except (TypeError, ValueError):
        return str(tuple(column) if isinstance(column, list) else column)


def _index_columns(index, taken, text_of):
    """Name to cells, of each level. As `reset_index` names them, but that a name that is taken is no error."""
    columns = {}
    for place, name in enumerate(index.names):
        if name is not None:
            text = _column_name(name, text_of)
        elif index.nlevels == 1 and "index" not in taken:
            text = "index"
        else:
            text = f"level_{place}"
        while text in taken or text in columns:
            text += "_index"
        columns[text] = cells(index.get_level_values(place))
    return columns
