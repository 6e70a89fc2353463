"""What main() returned as JSON, and where in a value the problem is of one that has no form (conversions.py).

Python's encoder, which is C, asks `convert` for each value that is not JSON's own. It writes keys that are not text in
its own way, or not at all, and would write two of the same text: what has such keys is made anew, and encoded again.
"""

import itertools
import json
import math

import _pyexec_conversions as conversions

ERROR, NULL = "error", "null"  # what NaN and infinities are: the request's field `nan`
MOST_NODES = 1_000_000  # of a value, that are looked at to tell where in it the problem is
MOST_STEPS = 100  # of a path, that are shown
MOST_KEY = 100  # characters of a key in a path, that are shown

_CIRCLE = "Circular reference detected"
_REMEDY = ' (NaN and Infinity have no JSON form; the request field "nan": "null" makes null of them)'
_quoted = json.encoder.encode_basestring
_convert, _key_text = conversions.convert, conversions.key_text
_flat = itertools.chain.from_iterable
_CONTAINERS, _TEXT, _SINGLE = (dict, list, tuple), {str}, {str, int, float, bool, type(None)}
_END = object()


def encode(value, nan=ERROR):
    """JSON text. Raises TypeError, ValueError, RecursionError, or whatever a value's own methods do."""
    del _converted[:]
    try:
        text = "".join(_chunks_of(value, 0))
        if not any(map(_has_other_keys, (value, *_converted))):
            return text
    except (TypeError, ValueError) as error:
        if not (str(error).startswith("keys must be") or nan == NULL and is_about_nan(error)):
            raise
    return "".join(_chunks_anew[nan](_made_anew(value, _NUMBERS[nan]), 0))


def is_about_nan(error):
    return isinstance(error, ValueError) and str(error).startswith("Out of range float")


def text_of_problem(error, value, nan, root="result"):
    """What is said of an error that `encode` raised: its own words, the remedy, and the place. root: the value's name."""
    remedy = _REMEDY if is_about_nan(error) else ""
    return f"{type(error).__name__}: {error}{remedy}{place_of_problem(value, nan, root=root)}"


def _null(number):
    return None if not math.isfinite(number) else number


def _encoder_for(default):
    encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=False)
    # What the encoder makes anew for each value that it encodes. The first argument finds circles.
    return json.encoder.c_make_encoder(
        {}, default, json.encoder.encode_basestring, None, encoder.key_separator, encoder.item_separator,
        encoder.sort_keys, encoder.skipkeys, encoder.allow_nan,
    )


def _convert_first(value):
    converted = _convert(value)
    if isinstance(converted, _CONTAINERS):
        _converted.append(converted)
    return converted


def _has_other_keys(value):
    """Whether an object in it has keys that are not text. Looks at it a level at a time, as most steps are C then. value:
    one that was encoded, and so has no circle.
    """
    if _is_flat(value):
        return False
    level = [value] if isinstance(value, _CONTAINERS) else []
    while level:
        dicts = [one for one in level if isinstance(one, dict)]
        lists = [_plain(one) for one in level if not isinstance(one, dict)] if len(dicts) < len(level) else []
        if not _TEXT.issuperset(map(type, _flat(map(dict.keys, dicts)))):
            return True
        kinds = {kind for kind in set(map(type, _items(dicts, lists))) if issubclass(kind, _CONTAINERS)}
        level = [one for one in _items(dicts, lists) if type(one) in kinds] if kinds else []
    return False


def _is_flat(value):
    """Whether it holds nothing but JSON's own values that hold no others, by names that are text."""
    if type(value) is dict:
        return _TEXT.issuperset(map(type, value)) and _SINGLE.issuperset(map(type, value.values()))
    return type(value) is list and _SINGLE.issuperset(map(type, value))


def _items(dicts, lists):
    return itertools.chain(_flat(map(dict.values, dicts)), _flat(lists))


def _plain(one):
    """What iterates as lists and tuples do."""
    if isinstance(one, list):
        return one if type(one) is list else list.__getitem__(one, slice(None))
    return one if type(one) is tuple else tuple.__getitem__(one, slice(None))


def _made_anew(value, number, entered=None):
    """The same value, whose objects have keys of text. number: called for each float, gives what stands in its place."""
    if isinstance(value, float):
        return number(value)
    if not isinstance(value, (dict, list, tuple)):
        return value
    entered = set() if entered is None else entered
    if id(value) in entered:
        raise ValueError(_CIRCLE)
    entered.add(id(value))
    if isinstance(value, dict):
        made = {}
        for text, item in _members(value, number):
            made[text] = _made_anew(item, number, entered)
    else:
        made = []
        for item in value:
            made.append(_made_anew(item, number, entered))
    entered.discard(id(value))
    return made


def _members(value, number=float):
    """(key as text, item) of each. Raises ValueError for two keys of one text."""
    keys = {}
    for key, item in value.items():
        text = _key_text(key, number)
        if text in keys:
            raise ValueError(f"two keys of an object are the text {_quoted(text)}: {_shown(keys[text])} and {_shown(key)}")
        keys[text] = key
        yield text, item


def _shown(key):
    text = f"{type(key).__name__} {key!r}"
    return text if len(text) <= MOST_KEY else text[:MOST_KEY] + "..."


# Kept apart: after an error, an encoder knows objects that it was in.
_converted = []  # of the value that is encoded
_chunks_of = _encoder_for(_convert_first)
_NUMBERS = {ERROR: float, NULL: _null}
_chunks_anew = {
    nan: _encoder_for(lambda value, number=number: _made_anew(_convert(value), number)) for nan, number in _NUMBERS.items()
}


def place_of_problem(value, nan, is_encodable=None, root="result"):
    """ " (at result.items[3].price)": where in the value the encoder stopped, found by walking it as the encoder does;
    "" where that cannot be told. is_encodable: what is looked for is a text for which this is false. Never raises.
    """
    try:
        steps = _steps_to_problem(value, nan, is_encodable or (lambda text: True))
        return "" if steps is None else f" (at {root}{_path(steps)})"
    except BaseException:  # what a script returns can do anything when it is looked at again
        return ""


def _steps_to_problem(value, nan, is_encodable):
    """Keys, as texts, and places in lists; None in front, and for each conversion."""
    number = _null if nan == NULL else float
    steps, iterators, entered, containers = [], [iter(((None, value),))], set(), []
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
        if isinstance(step, str) and not is_encodable(step):
            return [*steps, step]
        if item is None or isinstance(item, int):
            continue
        if isinstance(item, str):
            if not is_encodable(item):
                return [*steps, step]
            continue
        if isinstance(item, float):
            if nan == ERROR and not math.isfinite(item):
                return [*steps, step]
            continue
        if id(item) in entered:
            return [*steps, step]  # a circle
        try:
            if isinstance(item, (list, tuple)):
                inside = enumerate(item)
            elif isinstance(item, dict):
                inside = iter(list(_members(item, number)))
            else:
                inside = iter(((None, _convert(item)),))
        except BaseException:
            return [*steps, step]
        steps.append(step)
        containers.append(item)
        iterators.append(inside)
        entered.add(id(item))
    return None


def is_encodable(text):
    """Whether it has a form in UTF-8: a lone surrogate has none."""
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
    return "".join(shown)


def _step(step):
    if isinstance(step, int):
        return f"[{step}]"
    if step.isidentifier() and len(step) <= MOST_KEY:
        return f".{step}"
    if len(step) > MOST_KEY:
        step = step[: MOST_KEY // 2] + "..." + step[-MOST_KEY // 2 :]
    return f"[{_quoted(step)}]"
