"""What main() returned as JSON, and where in a value the problem is of one that has no form (conversions.py).

Python's encoder, which is C, asks `convert` for each value that is not JSON's own. It writes keys that are not text in
its own way, and would write two of the same text: objects with such keys are made anew before it sees them.
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
_END = object()


def encode(value, nan=ERROR):
    """JSON text. Raises TypeError, ValueError, RecursionError, or whatever a value's own methods do."""
    try:
        return "".join(_chunks_of(_with_text_keys(value), 0))
    except ValueError as error:
        if nan != NULL or not is_about_nan(error):
            raise
    return "".join(_chunks_without_nan(_made_anew(value, _null), 0))


def is_about_nan(error):
    return isinstance(error, ValueError) and str(error).startswith("Out of range float")


def text_of_problem(error, value, nan):
    """What is said of an error that `encode` raised: its own words, the remedy, and the place."""
    remedy = _REMEDY if is_about_nan(error) else ""
    return f"{type(error).__name__}: {error}{remedy}{place_of_problem(value, nan)}"


def _null(number):
    return None if not math.isfinite(number) else number


def _encoder_for(default):
    encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=False)
    # What the encoder makes anew for each value that it encodes. The first argument finds circles.
    return json.encoder.c_make_encoder(
        {}, default, json.encoder.encode_basestring, None, encoder.key_separator, encoder.item_separator,
        encoder.sort_keys, encoder.skipkeys, encoder.allow_nan,
    )


def _with_text_keys(value):
    return _made_anew(value, float) if _has_other_keys(value) else value


def _has_other_keys(value):
    """Looks at all that the encoder sees before it asks `convert`, a level at a time: most steps are C, and none is the
    script's own.
    """
    entered = set()  # ends at circles, which the encoder reports
    level = (value,)
    while level:
        if not any(issubclass(kind, (dict, list, tuple)) for kind in set(map(type, level))):
            return False
        ahead = []
        for item in level:
            if not isinstance(item, (dict, list, tuple)) or id(item) in entered:
                continue
            entered.add(id(item))
            if isinstance(item, dict):
                if not {str}.issuperset(map(type, dict.keys(item))):
                    return True
                ahead.append(dict.values(item))
            else:
                ahead.append(list.__iter__(item) if isinstance(item, list) else tuple.__iter__(item))
        level = list(itertools.chain.from_iterable(ahead))
    return False


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


_chunks_of = _encoder_for(lambda value: _with_text_keys(_convert(value)))
_chunks_without_nan = _encoder_for(lambda value: _made_anew(_convert(value), _null))


def place_of_problem(value, nan, is_encodable=None):
    """ " (at result.items[3].price)": where in the value the encoder stopped, found by walking it as the encoder does;
    "" where that cannot be told. is_encodable: what is looked for is a text for which this is false. Never raises.
    """
    try:
        steps = _steps_to_problem(value, nan, is_encodable or (lambda text: True))
        return "" if steps is None else f" (at {_path(steps)})"
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
    return "result" + "".join(shown)


def _step(step):
    if isinstance(step, int):
        return f"[{step}]"
    if step.isidentifier() and len(step) <= MOST_KEY:
        return f".{step}"
    if len(step) > MOST_KEY:
        step = step[: MOST_KEY // 2] + "..." + step[-MOST_KEY // 2 :]
    return f"[{_quoted(step)}]"
