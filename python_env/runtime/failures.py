"""What there is to say of a failed run beside its error text: names and values for programs to read."""

import asyncio
import functools
import itertools
import os
import re
import traceback

DETAIL_BYTES = 16 << 10  # of one value
LINES_AROUND = 2
OWN_FRAMES = "<pyexec "
LEADING_FRAMES = (OWN_FRAMES, os.path.dirname(asyncio.__file__) + "/")

_CUT = b"\n[...]\n"
_line_end = re.compile("\r\n|\r|\n")  # Python's; str.splitlines has more


def bounded(text, most_bytes):
    """UTF-8 of it; a longer text loses its middle."""
    data = str.encode(text, "utf-8", "backslashreplace") if isinstance(text, str) else text
    if len(data) <= most_bytes:
        return data
    half = max(0, (most_bytes - len(_CUT)) // 2)
    head, tail = data[:half], data[len(data) - half :]
    return head.decode("utf-8", "ignore").encode() + _CUT + tail.decode("utf-8", "ignore").encode()


def _guarded(look, *arguments):
    """What is looked at is the script's: it can do anything."""
    try:
        return look(*arguments)
    except BaseException:
        return None


def _never_raises(details):
    @functools.wraps(details)
    def guarded(*arguments):
        return _guarded(details, *arguments) or []

    return guarded


@_never_raises
def of_error(error, script, trace):
    """What a script raised. trace: its traceback as text."""
    line, column = _guarded(_place_in_script, error, script) or (None, None)
    return _details(
        type=_guarded(_class_name, error),
        message=_message(error),
        line=line,
        column=column,
        traceback=trace,
        **_surroundings(script.source, line),
        exit_code=_guarded(_exit_code, error),
    )


@_never_raises
def of_syntax(error, source):
    """What compile() raised."""
    line = _positive(getattr(error, "lineno", None))
    column = _positive(getattr(error, "offset", None)) if line else None
    return _details(
        type=_class_name(error), message=_message(error), line=line, column=column, **_surroundings(source, line)
    )


@_never_raises
def of_import(message, source, line, offset):
    """A denied one. offset: as in `_column`."""
    column = _guarded(_column, source, line, offset)
    return _details(type="ImportError", message=message, line=line, column=column, **_surroundings(source, line))


@_never_raises
def of_text(class_name, message):
    return _details(type=class_name, message=message)


def _column(source, line, offset):
    """1-based, in characters. offset: in bytes of the line's UTF-8, as Python counts in code and syntax trees."""
    start = _line_end.split(source)[line - 1].encode()[:offset]
    return len(start.decode()) + 1


def _details(**values):
    texts = {name: int.__repr__(value) if isinstance(value, int) else value for name, value in values.items()}
    return [(name, bounded(text, DETAIL_BYTES)) for name, text in texts.items() if text is not None]


def _positive(number):
    return number if isinstance(number, int) and number > 0 else None


def _class_name(error):
    kind = type(error)
    name, module = kind.__qualname__, kind.__module__
    return name if module == "builtins" else f"{module}.{name}"


def _message(error):
    text = _guarded(str, error)
    return "<exception str() failed>" if text is None else text


def _place_in_script(error, script):
    """Line and column in the innermost frame of the script's file."""
    found, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == script.filename:
            found = step
        step = step.tb_next
    line = found.tb_lineno
    positions = next(itertools.islice(found.tb_frame.f_code.co_positions(), found.tb_lasti // 2, None))
    column = None
    if positions[0] == line and positions[2] is not None:
        column = _guarded(_column, script.source, line, positions[2])
    return line, column


def _surroundings(source, line):
    lines = _guarded(_line_end.split, source)
    if line is None or not lines or line > len(lines):
        return {}
    if not lines[-1] and line < len(lines):
        lines.pop()  # what follows the last line end is a line only to a parser that stopped there
    first = max(1, line - LINES_AROUND)
    return {"source": "\n".join(lines[first - 1 : line + LINES_AROUND]), "source_start_line": first}


def _exit_code(error):
    if not isinstance(error, SystemExit):
        return None
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1  # as of exit(2); Python prints what is no number


def trace_of(error):
    """The traceback as Python prints it, without the frames that led to the script: of this service, and of the loop
    that awaits an async main(); and without those of this service further in.
    """
    try:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename.startswith(LEADING_FRAMES):
            frames = frames.tb_next
        step = frames
        while step is not None:
            while step.tb_next is not None and step.tb_next.tb_frame.f_code.co_filename.startswith(OWN_FRAMES):
                step.tb_next = step.tb_next.tb_next
            step = step.tb_next
        return "".join(traceback.format_exception(type(error), error, frames)).rstrip("\n")
    except BaseException:  # the exception's own __str__ can do anything
        return type(error).__name__
