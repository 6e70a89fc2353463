"""Which types beside JSON's own have a form in JSON: as a value, and as the key of an object.

Each conversion looks at one level only: what comes of it is converted by the same rules.
"""

import binascii
import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import uuid

import numpy
import pandas

import _pyexec_tables as tables

MOST_CONVERSIONS = 10  # of one key: an Enum whose value is an Enum, and so on

_TICKS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}
_SECONDS = {"m": 60, "h": 3600, "D": 86400, "W": 7 * 86400}


def _duration(ticks, ticks_a_second):
    """As pandas writes it, but that a negative one has its sign in front."""
    seconds, rest = divmod(abs(ticks), ticks_a_second)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fraction = "." + str(rest).zfill(len(str(ticks_a_second)) - 1).rstrip("0") if rest else ""
    return f"{'-' if ticks < 0 else ''}P{days}DT{hours}H{minutes}M{seconds}{fraction}S"


def _python_duration(value):
    microseconds = (value.days * 86400 + value.seconds) * 10**6 + value.microseconds
    return _duration(microseconds * 1000 + getattr(value, "nanoseconds", 0), 10**9)  # pandas has those too


def _numpy_duration(value):
    if numpy.isnat(value):
        return None
    unit, count = numpy.datetime_data(value.dtype)
    ticks = int(value.astype(numpy.int64)) * count
    if unit in ("Y", "M"):
        return f"{'-' if ticks < 0 else ''}P{abs(ticks)}{unit}"
    if unit in _TICKS_A_SECOND:
        return _duration(ticks, _TICKS_A_SECOND[unit])
    if unit in _SECONDS:
        return _duration(ticks * _SECONDS[unit], 1)
    raise TypeError("a numpy.timedelta64 without a unit has no ISO 8601 form")


def _array(value):
    if value.dtype.kind not in "mM":
        return value.tolist()
    return list(value) if value.ndim else value[()]  # tolist() has integers for nanoseconds


def _set(value):
    try:
        return sorted(value)
    except Exception:  # elements may compare as they like
        return list(value)


def _base64(value):
    return binascii.b2a_base64(bytes(value), newline=False).decode("ascii")


def _null(value):
    return None


# The first row with a class of the value decides: a class stands before those it derives from.
CONVERSIONS = (
    ((numpy.timedelta64,), _numpy_duration),  # numpy has it derive from its integers
    ((numpy.datetime64,), lambda value: None if numpy.isnat(value) else str(value)),
    ((numpy.bool_,), bool),
    ((numpy.integer,), int),
    ((numpy.floating,), float),
    ((numpy.ndarray,), _array),
    ((numpy.void,), lambda value: value.item()),  # a row of a structured array
    ((type(pandas.NaT), type(pandas.NA)), _null),  # NaT is a datetime
    ((datetime.date, datetime.time), lambda value: value.isoformat()),  # datetime and Timestamp are dates
    ((datetime.timedelta,), _python_duration),  # Timedelta is one
    ((pandas.Period, pandas.Interval), str),
    ((pandas.offsets.BaseOffset,), lambda value: value.freqstr),
    ((numpy.dtype, pandas.api.extensions.ExtensionDtype), str),
    ((pandas.Series,), lambda value: tables.series(value, key_text)),
    ((pandas.DataFrame,), lambda value: tables.frame(value, key_text)),
    ((pandas.Index, pandas.api.extensions.ExtensionArray), tables.cells),
    ((decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath), str),
    ((enum.Enum,), lambda value: value.value),
    ((set, frozenset), _set),
    ((bytes, bytearray, memoryview), _base64),
    ((collections.deque, collections.UserList, range), list),
    ((type({}.keys()), type({}.values()), type({}.items())), list),
    ((collections.UserString,), str),
    ((collections.abc.Mapping,), dict),
)


def convert(value):
    """What is to be encoded in place of a value that is not JSON's own. Raises what is then the error of the job."""
    for classes, conversion in CONVERSIONS:
        if isinstance(value, classes):
            return conversion(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"Object of type {value.__class__.__name__} is not JSON serializable")


def key_text(key, number=float):
    """The key of an object as the text that it is in JSON; a number as the encoder writes it. Raises TypeError for what
    has no text, ValueError for NaN and infinities. number: called for each float, gives what stands in its place.
    """
    kind = type(key)
    for _ in range(MOST_CONVERSIONS):
        if isinstance(key, str):
            return str.__str__(key)
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        if isinstance(key, int):
            return int.__repr__(key)
        if isinstance(key, float):
            key = number(key)
            if isinstance(key, float):
                if math.isfinite(key):
                    return float.__repr__(key)
                raise ValueError("Out of range float values are not JSON compliant")
        elif isinstance(key, (list, tuple, dict)):
            break
        else:
            try:
                key = convert(key)
            except TypeError:
                break
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    raise TypeError(f"keys must be str, int, float, bool or None, not {name}")
