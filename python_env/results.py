"""What main() returned as JSON: which types beside JSON's own have a form, and where in a value one is that has none.

The encoder in runner.py asks `convert` for each value that is not JSON's own; what comes back is encoded by the same
rules, so that `convert` looks at one level only.
"""

import binascii
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import uuid

import numpy
import pandas

MOST_NODES = 1_000_000  # of a value, that are looked at to tell where in it the problem is
MOST_STEPS = 100  # of a path, that are shown
MOST_KEY = 100  # characters of a key in a path, that are shown

_TICKS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}
_SECONDS = {"m": 60, "h": 3600, "D": 86400, "W": 7 * 86400}
_quoted = json.encoder.encode_basestring
_END = object()


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


def _records(frame):
    names = [str(column) for column in frame.columns]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"a DataFrame has several columns {twice!r}, of which a record holds one")
    if not names:
        return [{} for _ in range(len(frame))]
    columns = [frame.iloc[:, place].tolist() for place in range(len(names))]
    return [dict(zip(names, row)) for row in zip(*columns)]


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
    ((type(pandas.NaT), type(pandas.NA)), _null),  # NaT is a datetime
    ((datetime.date, datetime.time), lambda value: value.isoformat()),  # datetime and Timestamp are dates
    ((datetime.timedelta,), _python_duration),  # Timedelta is one
    ((pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray), lambda value: value.tolist()),
    ((pandas.DataFrame,), _records),
    ((decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath), str),
    ((enum.Enum,), lambda value: value.value),
    ((set, frozenset), _set),
    ((bytes, bytearray, memoryview), _base64),
    ((collections.deque, range, type({}.keys()), type({}.values()), type({}.items())), list),
)


def convert(value):
    """What is to be encoded in place of a value that is not JSON's own. Raises what is then the error of the job."""
    for classes, conversion in CONVERSIONS:
        if isinstance(value, classes):
            return conversion(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"Object of type {value.__class__.__name__} is not JSON serializable")


def place_of_problem(value, unencodable=False):
    """ " (at result.items[3].price)": where in the value the encoder stopped, found by walking it as the encoder does;
    "" where that cannot be told. unencodable: what is looked for is a text without a UTF-8 form. Never raises.
    """
    try:
        steps = _steps_to_problem(value, unencodable)
        return "" if steps is None else f" (at {_path(steps)})"
    except BaseException:  # what a script returns can do anything when it is looked at again
        return ""


def _steps_to_problem(value, unencodable):
    """Keys, as texts, and places in lists; None in front, and for each conversion."""
    steps, containers, iterators, entered = [], [], [iter(((None, value),))], set()
    for _ in range(MOST_NODES):
        entry = next(iterators[-1], _END)
        if entry is _END:
            iterators.pop()
            if not iterators:
                return None
            entered.discard(id(containers.pop()))
            steps.pop()
            continue
        step, item = entry
        if containers and isinstance(containers[-1], dict):
            try:
                step = _key(step)
            except (TypeError, ValueError):
                return steps
            if unencodable and not _is_encodable(step):
                return [*steps, step]
        if item is None or isinstance(item, int):
            continue
        if isinstance(item, str):
            if unencodable and not _is_encodable(item):
                return [*steps, step]
            continue
        if isinstance(item, float):
            if not math.isfinite(item):
                return [*steps, step]
            continue
        if id(item) in entered:
            return [*steps, step]  # a circle
        if isinstance(item, (list, tuple)):
            inside = enumerate(item)
        elif isinstance(item, dict):
            inside = iter(item.items())
        else:
            try:
                inside = iter(((None, convert(item)),))
            except BaseException:
                return [*steps, step]
        steps.append(step)
        containers.append(item)
        iterators.append(inside)
        entered.add(id(item))
    return None


def _key(key):
    """As the encoder writes it."""
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int)):
        return json.dumps(key)
    if isinstance(key, float) and math.isfinite(key):
        return float.__repr__(key)
    raise TypeError


def _is_encodable(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _path(steps):
    shown = [_step(step) for step in steps if step is not None]
    if len(shown) > MOST_STEPS:
        half = MOST_STEPS // 2
        shown = [*shown[:half], "[...]", *shown[-half:]]
    return "result" + "".join(shown)


def _step(step):
    if isinstance(step, int):
        return f"[{step}]"
    if step.isidentifier() and len(step) <= MOST_KEY:
        return f".{step}"
    if len(step) > MOST_KEY:
        step = step[: MOST_KEY // 2] + "..." + step[-MOST_KEY // 2 :]
    return f"[{_quoted(step)}]"
