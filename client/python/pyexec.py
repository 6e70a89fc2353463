#!/usr/bin/env python3
"""Client and command of pyexec, a service that runs untrusted Python behind an HTTP API.

One file, the standard library only, Python 3.9 or later. As a library:

    import pyexec

    client = pyexec.Client("http://localhost:8080")         # or PYEXEC_URL; the key is in PYEXEC_KEY
    answer = client.run("def main(a, b): return a + b", 2, 3)
    print(answer.result)                                     # 5

    def square(n):
        return n * n

    print([answer.result for answer in client.map(square, range(10))])

    with client.session() as session:
        session.code("x = 41")
        print(session.code("x + 1").result)                  # 42

As a command: python3 pyexec.py --help

Times are in seconds, memory is in MiB. Every failure is an `Error`, one class for each outcome of the API.
`AsyncClient` has the same methods as coroutines.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import base64
import binascii
import builtins
import codeop
import collections
import concurrent.futures
import contextlib
import contextvars
import datetime
import decimal
import dis
import functools
import http.client
import inspect
import io
import json
import math
import numbers
import os
import random
import re
import select
import signal
import socket
import ssl
import stat
import sys
import tempfile
import threading
import time
import types
import urllib.parse
import urllib.request
from pathlib import Path, PurePosixPath
from typing import (TYPE_CHECKING, Any, AsyncIterator, Awaitable, Callable, ClassVar, Deque, Dict, Generic, Iterable,
                    Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Type, TypeVar, Union)

if TYPE_CHECKING:
    from http.client import HTTPMessage

    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

__version__ = "0.1.0"

T = TypeVar("T")
Script = Union[str, "os.PathLike[str]", Callable[..., Any]]
Content = Union[str, bytes, "os.PathLike[str]"]
FilesToSend = Union[Mapping[str, Content], Iterable[Union[str, "os.PathLike[str]"]]]
Tools = Union[Mapping[str, Callable[..., Any]], Iterable[Callable[..., Any]]]

DEFAULT_URL = "http://127.0.0.1:8080"
MIB = 1 << 20


# ----------------------------------------------------------------------------------------------------------------------
# Errors: one class for each outcome
# ----------------------------------------------------------------------------------------------------------------------


class Error(Exception):
    """Anything that the service or the way to it has to say against a request.

    outcome: the API's name of it, empty if the service did not answer. was_run: whether the script ran, at least in
    part; None if that is not known. status: of HTTP. answer: what the job left (`stdout`, `files`, ...), if it ran.
    index: the place of the item, in `map`. request_id: what the service's log has.
    """

    outcome: ClassVar[str] = ""
    was_run: Optional[bool] = None

    def __init__(self, message: str, *, status: Optional[int] = None, answer: Optional[Answer] = None,
                 retry_after: Optional[float] = None, request_id: Optional[str] = None, index: Optional[int] = None):
        super().__init__(message)
        self.message, self.status, self.answer = message, status, answer
        self.retry_after, self.request_id, self.index = retry_after, request_id, index

    @property
    def stdout(self) -> str:
        """What the script had printed. Empty if it did not run."""
        return self.answer.stdout if self.answer is not None else ""


class Refused(Error):
    """The service did not run the script, and would not if the same were sent again."""

    was_run = False


class JobFailed(Error):
    """The script ran, or was to begin, and did not return a result. The same request would fail again."""

    was_run = True


class TryAgain(Error):
    """It was not run. Send it again after `retry_after` seconds: it may be taken then."""

    was_run = False

    def __str__(self) -> str:
        when = f"after {self.retry_after:g} s" if self.retry_after is not None else "later"
        return f"{self.message} ({'it was not run; ' if self.was_run is False else ''}try again {when})"


class InvalidRequest(Refused):
    """Mend the request: `message` names the field."""

    outcome = "invalid_request"


class Unauthorized(Refused):
    """Give a key that the service knows: Client(key=...) or PYEXEC_KEY."""

    outcome = "unauthorized"


class InvalidScript(JobFailed):
    """Mend the script: it has a syntax error, no main(), or imports what is denied. Its main() did not run."""

    outcome, was_run = "invalid_script", False


class InvalidArguments(JobFailed):
    """Give other arguments: main() does not accept these."""

    outcome = "invalid_arguments"


class ScriptError(JobFailed):
    """Mend the script: it raised. `traceback` says where."""

    outcome = "exception"

    @property
    def traceback(self) -> str:
        """The script's traceback, with a line of advice where the service has one."""
        return self.message


class NotSerializable(JobFailed):
    """Return something else: `message` says where the value without a JSON form is."""

    outcome = "not_serializable"


class TimeLimit(JobFailed):
    """Give more time (`timeout`), or make the script faster."""

    outcome = "time_limit"


class MemoryLimit(JobFailed):
    """Give more memory (`memory_mb`), or make the script need less."""

    outcome = "memory_limit"


class OutputLimit(JobFailed):
    """Return less: the result, or the files, exceed the service's limit."""

    outcome = "output_limit"


class Exited(JobFailed):
    """Mend the script: it ended itself by sys.exit or os._exit."""

    outcome = "exited"


class Killed(JobFailed):
    """Mend the script: a signal ended it, as in a crash."""

    outcome = "killed"


class NotFound(Refused):
    """Check the name: this client has no such session, template, job, token, tool or file."""

    outcome = "not_found"


class Gone(Refused):
    """Open another one: the session, state, job or token has ended, and `message` says why."""

    outcome = "gone"


class UnknownTemplate(Refused):
    """Send the set-up again. Objects of `Client.template` do that by themselves."""

    outcome = "unknown_template"


class Misdirected(Refused):
    """Ask the instance that `message` names: the session or job lives there."""

    outcome = "misdirected"


class Busy(TryAgain):
    """There is no room at the moment."""

    outcome = "busy"


class RateLimited(TryAgain):
    """This key or address has sent too many requests."""

    outcome = "rate_limited"


class InternalError(Error):
    """Not the script's fault: a worker was lost, or the service is stopping. The script may have run."""

    outcome = "internal"


class Unreachable(Error):
    """Check the address: the service could not be connected to, so nothing was run."""

    was_run = False


class AnswerLost(Error):
    """Check what the script has done before you send it again: the connection broke, and it may have run."""


class UnexpectedAnswer(Error):
    """Check the address: what answers there does not speak this API."""


class GaveUp(Error):
    """A batch had no answer to any job for too long. Jobs that were sent may have run."""


class ToolError(Exception):
    """Raise it in a tool to give the script a text of your own: it gets a ToolError with this text."""


def _leaves(base: Type[Error]) -> Iterator[Type[Error]]:
    for one in base.__subclasses__():
        yield one
        yield from _leaves(one)


# Outcomes of the API that are errors.
ERRORS: Dict[str, Type[Error]] = {one.outcome: one for one in _leaves(Error) if one.outcome}
# Outcomes that are none: a result; calls of tools to be answered; a job that was taken and runs on its own.
GOOD_OUTCOMES = ("ok", "calls", "accepted")


def _error_of(outcome: str, body: Mapping[str, Any], reply: Optional[_Reply] = None,
              index: Optional[int] = None) -> Error:
    """The error that an answer of the service means."""
    status = reply.status if reply is not None else body.get("status")
    kind = ERRORS.get(outcome, Error)
    message = str(body.get("error") or f"the service answered with the outcome {outcome or 'unknown'}, status {status}")
    error = kind(message, status=status, index=index)
    if kind is Error or issubclass(kind, (JobFailed, InternalError)):
        error.answer = Answer(body, outcome=outcome)
    if reply is not None:
        error.retry_after, error.request_id = reply.retry_after, reply.headers.get("X-Request-Id")
    return error


# ----------------------------------------------------------------------------------------------------------------------
# JSON: integers of any length, and values of numpy and pandas
# ----------------------------------------------------------------------------------------------------------------------

_MOST_DIGITS = 100_000  # of an integer in an answer: more would cost seconds, at the will of the script
_DIGITS_AT_ONCE = 4000  # newer Pythons convert no more than 4300


def _whole_number(digits: str) -> int:
    if len(digits) <= _DIGITS_AT_ONCE:
        return int(digits)
    if len(digits) > _MOST_DIGITS:
        raise OverflowError(f"the answer has an integer of {len(digits)} digits; this client takes {_MOST_DIGITS}")
    sign, digits = (-1, digits[1:]) if digits[0] == "-" else (1, digits)
    value = 0
    for begin in range(0, len(digits), _DIGITS_AT_ONCE):
        piece = digits[begin:begin + _DIGITS_AT_ONCE]
        value = value * 10 ** len(piece) + int(piece)
    return sign * value


def _parse(text: Union[str, bytes], whole_number: Callable[[str], Any] = _whole_number) -> Any:
    """Raises ValueError for what is no JSON, and for what this client does not take."""
    limit = getattr(sys, "get_int_max_str_digits", int)()  # 0: none, so that a long integer would take minutes
    try:
        return json.loads(text) if limit else json.loads(text, parse_int=whole_number)
    except json.JSONDecodeError:
        raise
    except OverflowError as problem:
        raise ValueError(str(problem)) from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except ValueError:  # an integer of many digits
        try:
            return json.loads(text, parse_int=whole_number)
        except (OverflowError, RecursionError) as problem:
            raise ValueError(str(problem)) from None


def _duration(nanoseconds: int) -> str:
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    days, seconds = divmod(seconds, 86400)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return (f"{'-' if nanoseconds < 0 else ''}P{days}DT{seconds // 3600}H{seconds // 60 % 60}M{seconds % 60}"
            f"{fraction}S")


def _numpy_duration(value: Any, unit: Tuple[str, int]) -> str:
    """unit: its name, and how many of it make one."""
    if unit[0] == "generic":
        raise TypeError("a numpy.timedelta64 without a unit has no ISO 8601 form")
    if unit[0] not in ("Y", "M"):
        return _duration(int(value.astype("m8[ns]").astype("i8")))
    count = int(value.astype("i8")) * unit[1]
    return f"{'-' if count < 0 else ''}P{abs(count)}{unit[0]}"


def _plain(value: Any) -> Any:
    """What a value that JSON does not know is sent as: what the service makes of such a value in a result.

    One level only: json converts what is in it.
    """
    numpy, pandas = (sys.modules.get(name) for name in ("numpy", "pandas"))
    if pandas is not None and hasattr(pandas, "DataFrame"):  # it is not half imported
        if value is pandas.NaT or value is pandas.NA:
            return None
        if isinstance(value, pandas.DataFrame):
            return _rows_of(value, pandas)
        if isinstance(value, pandas.Series):
            return _series(value, pandas)
        if isinstance(value, (pandas.Index, pandas.api.extensions.ExtensionArray)):
            return _cells(value, pandas)
        if isinstance(value, (pandas.Period, pandas.Interval)):
            return str(value)
    if numpy is not None and hasattr(numpy, "ndarray"):
        if isinstance(value, numpy.ndarray) and value.dtype.kind in "mM":
            return list(value) if value.ndim else value[()]  # tolist() has integers for nanoseconds
        if isinstance(value, numpy.datetime64):
            return None if numpy.isnat(value) else str(value)
        if isinstance(value, numpy.timedelta64):
            return None if numpy.isnat(value) else _numpy_duration(value, numpy.datetime_data(value.dtype))
    if isinstance(value, datetime.timedelta):
        microseconds = (value.days * 86400 + value.seconds) * 10**6 + value.microseconds
        return _duration(microseconds * 1000 + getattr(value, "nanoseconds", 0))  # pandas has those too
    for name in ("tolist", "isoformat"):  # numpy; dates and times
        if callable(getattr(value, name, None)) and not isinstance(value, type):
            return getattr(value, name)()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _cells(values: Any, pandas: Any) -> List[Any]:
    """The values of a Series, an Index or an array of pandas's own. What is missing is null."""
    if isinstance(values, pandas.MultiIndex):
        return list(zip(*(_cells(values.get_level_values(place), pandas) for place in range(values.nlevels))))
    return [None if is_missing else one for one, is_missing in zip(values, pandas.isna(values))]


def _has_labels(index: Any, pandas: Any) -> bool:
    """Whether it is another index than pandas makes by itself."""
    is_plain = isinstance(index, pandas.RangeIndex) and index.start == 0 and index.step == 1
    return bool(index.name is not None or not (is_plain or (len(index) == 0 and index.nlevels == 1)))


def _label(label: Any) -> str:
    """A label as the key of an object."""
    with contextlib.suppress(TypeError, ValueError):
        if not isinstance(label, (str, tuple)):
            return json.dumps(label, default=_plain, allow_nan=False).strip('"')
    return str(label)


def _series(value: Any, pandas: Any) -> Any:
    """A list without labels; an object by label; rows, where labels are not unique or are several."""
    cells = _cells(value, pandas)
    if not _has_labels(value.index, pandas):
        return cells
    labels = _cells(value.index, pandas)
    names = [_label(label) for label in labels]
    if any(isinstance(label, tuple) for label in labels) or len(set(names)) < len(names):
        return _rows_of(value.to_frame("value"), pandas)
    return dict(zip(names, cells))


def _rows_of(frame: Any, pandas: Any) -> List[Dict[str, Any]]:
    """An object for each row. Labels are the first columns, as `reset_index` names them."""
    names = [_label(name) for name in _cells(frame.columns, pandas)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise TypeError(f"a DataFrame has several columns {twice[0]!r}, of which a record holds one")
    columns: Dict[str, List[Any]] = {}
    for place, name in enumerate(frame.index.names if _has_labels(frame.index, pandas) else []):
        is_index = name is None and frame.index.nlevels == 1 and "index" not in names
        text = _label(name) if name is not None else "index" if is_index else f"level_{place}"
        while text in names or text in columns:
            text += "_index"
        columns[text] = _cells(frame.index.get_level_values(place), pandas)
    columns.update((name, _cells(frame.iloc[:, place], pandas)) for place, name in enumerate(names))
    return [dict(zip(columns, row)) for row in zip(*columns.values())] if columns else [{}] * len(frame)


def _utf8(text: str, what: str) -> bytes:
    """Raises TypeError."""
    try:
        return text.encode()
    except UnicodeEncodeError as problem:
        half = text[problem.start]
    try:  # pairs of surrogates are characters
        return text.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except UnicodeDecodeError:
        raise TypeError(f"{what} cannot be sent: a text in it has half of a surrogate pair ({half!a}), as the name of "
                        "a file has that is no UTF-8") from None


def _dump(value: Any, what: str = "the request") -> bytes:
    """Raises TypeError for what has no JSON form."""
    try:
        text = json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise TypeError(f"{what} cannot be sent as JSON: {problem}") from None
    return _utf8(text, what)


# ----------------------------------------------------------------------------------------------------------------------
# What a job has left: Answer, Files, Display
# ----------------------------------------------------------------------------------------------------------------------


def _unpack(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as problem:
        raise UnexpectedAnswer(f"the answer has base64 that is none: {problem}") from None


def _place_in(directory: Path, name: str) -> Path:
    """Where a file of this name goes. Raises ValueError if that is outside of the directory."""
    parts = PurePosixPath(name).parts
    is_odd = not parts or name.startswith("/") or any(part == ".." or "\\" in part or "\0" in part for part in parts)
    if is_odd or (os.name == "nt" and ":" in name):
        raise ValueError(f"the file name {name!r} leads out of the directory, so it was not written")
    base = directory.resolve()
    place = directory.joinpath(*parts)
    parent = place.parent.resolve()  # a link in between may lead elsewhere
    if parent != base and base not in parent.parents:
        raise ValueError(f"the file name {name!r} leads out of the directory by a link, so it was not written")
    return place


def _write_file(place: Path, content: bytes) -> None:
    """Writes the file as a whole or not at all, and replaces a link instead of following it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".pyexec-")
    try:
        with open(handle, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


class Files(Dict[str, bytes]):
    """Files that a job returned: their bytes by name. media_types: by name, too."""

    def __init__(self, sent: Mapping[str, Mapping[str, Any]]):
        super().__init__((name, _unpack(file["base64"])) for name, file in sent.items())
        self.media_types = {name: str(file.get("media_type", "")) for name, file in sent.items()}

    def save(self, directory: Union[str, os.PathLike[str]] = ".") -> List[Path]:
        """Writes all files below a directory, which is made if it is missing, and returns their paths.

        Files that are there by these names are replaced. Raises ValueError, before anything is written, for a name that
        leads out of the directory.
        """
        folder = Path(directory)
        places = [(_place_in(folder, name), content) for name, content in self.items()]
        for place, content in places:
            _place_in(folder, place.relative_to(folder).as_posix())
            _write_file(place, content)
        return [place for place, _ in places]


class Display(Dict[str, Union[str, bytes]]):
    """Something that a job showed: the same thing by media type, as bytes for pictures and as str for text."""

    SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/svg+xml": ".svg", "image/gif": ".gif",
                "image/webp": ".webp"}

    def __init__(self, bundle: Mapping[str, Any]):
        super().__init__()
        for media_type, data in bundle.items():
            is_picture = media_type.startswith("image/") and media_type != "image/svg+xml" and isinstance(data, str)
            self[media_type] = _unpack(data) if is_picture else data

    @property
    def picture(self) -> Optional[Tuple[str, bytes]]:
        """Suffix and bytes of the picture, if it is one."""
        for media_type, suffix in self.SUFFIXES.items():
            if media_type in self:
                data = self[media_type]
                return suffix, data.encode() if isinstance(data, str) else data
        return None

    @property
    def text(self) -> Optional[str]:
        """Its plain text, if it has one."""
        text = self.get("text/plain")
        return text if isinstance(text, str) else None


class Answer:
    """What a job came to, in the API's words.

    result: what main() returned, or the value of a cell's last expression. stdout: what was printed. files: what
    `return_files` has matched. displays: what was shown, if that was asked for. repr: Python's text of a cell's value.
    result_problem: why a cell's result is None although there was a value. cell, head: numbers in a session. stderr,
    usage and limits: with verbose=True. index: the place of the item, in `map`. body: everything, as it was sent.
    """

    def __init__(self, body: Mapping[str, Any], outcome: str = "ok"):
        self.body: Dict[str, Any] = dict(body)
        self.outcome: str = body.get("outcome") or outcome
        self.result: Any = body.get("result")
        self.stdout: str = body.get("stdout") or ""
        self.stderr: Optional[str] = body.get("stderr")
        self.repr: Optional[str] = body.get("repr")
        self.result_problem: Optional[str] = body.get("result_problem")
        self.cell: Optional[int] = body.get("cell")
        self.head: Optional[int] = body.get("head")
        self.usage: Optional[Dict[str, Any]] = body.get("usage")
        self.limits: Optional[Dict[str, Any]] = body.get("limits")
        self.index: Optional[int] = body.get("index")
        self.is_stdout_cut: bool = body.get("stdout_truncated") is True

    @functools.cached_property
    def files(self) -> Files:
        return Files(self.body.get("files") or {})

    @functools.cached_property
    def displays(self) -> List[Display]:
        return [Display(bundle) for bundle in self.body.get("displays") or []]

    def __repr__(self) -> str:
        more = f", files={list(self.body['files'])}" if self.body.get("files") else ""
        try:
            shown = repr({name: value for name, value in self.body.items() if name not in ("files", "displays")})
        except ValueError:  # an integer of many digits
            shown = "..."
        return f"Answer({shown[:500]}{'...' if len(shown) > 500 else ''}{more})"


class Event(NamedTuple):
    """Something that happened in a job whose answer streams.

    name: `stdout`, `stderr`, `call`, `result`, `error`, `files`, `displays` or, always last, `end`. data: its members.
    """

    name: str
    data: Dict[str, Any]

    @property
    def text(self) -> str:
        """What was printed, of `stdout` and `stderr`; the error, of `error`."""
        return str(self.data.get("text") or self.data.get("error") or "")


# ----------------------------------------------------------------------------------------------------------------------
# Cancelling from another thread, and patience
# ----------------------------------------------------------------------------------------------------------------------


class _Cancelled(BaseException):
    """Ends what a thread does for a coroutine that nobody awaits any more."""


class _Cancellation:
    """Lets one thread end what another one waits for: connections are closed, which kills their jobs."""

    current: ClassVar[contextvars.ContextVar[Optional[_Cancellation]]] = contextvars.ContextVar("pyexec", default=None)

    def __init__(self) -> None:
        self.lock, self.event = threading.Lock(), threading.Event()
        self.closers: Dict[int, Callable[[], Any]] = {}

    def cancel(self) -> None:
        with self.lock:
            self.event.set()
            closers = list(self.closers.values())
        for close in closers:
            close()

    @contextlib.contextmanager
    def closing(self, close: Callable[[], Any]) -> Iterator[None]:
        with self.lock:
            if self.event.is_set():
                raise _Cancelled()
            self.closers[id(close)] = close
        try:
            yield
        finally:
            with self.lock:
                self.closers.pop(id(close), None)
            if self.event.is_set():
                raise _Cancelled()


def _closing(close: Callable[[], Any]) -> contextlib.AbstractContextManager[None]:
    cancellation = _Cancellation.current.get()
    return cancellation.closing(close) if cancellation is not None else contextlib.nullcontext()


def _sleep(seconds: float) -> None:
    cancellation = _Cancellation.current.get()
    if cancellation is None:
        time.sleep(seconds)
    elif cancellation.event.wait(seconds):
        raise _Cancelled()


class _Patience:
    """How long to wait before the next try, and when to give up: when failures have come for `limit` seconds without
    any progress between them."""

    SHORTEST, LONGEST, MOST_DOUBLINGS = 0.1, 10.0, 16

    def __init__(self, limit: float):
        self.limit = limit
        self.troubled_since: Optional[float] = None
        self.next_try, self.tries = 0.0, 0

    def progressed(self) -> None:
        self.troubled_since, self.tries = None, 0

    def failed(self, now: float, asked_for: Optional[float] = None) -> Optional[float]:
        """Returns when to try again, or None: give up. asked_for: seconds of Retry-After.

        Of failures before that moment all but the first change nothing, unless the service asks for more time.
        """
        if self.troubled_since is None:
            self.troubled_since = now
        end = self.troubled_since + self.limit
        if now >= end or (asked_for is not None and now + asked_for > end):
            return None
        if now >= self.next_try:
            nominal = min(self.SHORTEST * 2 ** min(self.tries, self.MOST_DOUBLINGS), self.LONGEST)
            self.tries += 1
            self.next_try = now + nominal * (0.5 + 0.5 * random.random())  # spreads clients out
        if asked_for is not None:
            self.next_try = max(self.next_try, now + asked_for)
        self.next_try = min(self.next_try, end)
        return self.next_try


# ----------------------------------------------------------------------------------------------------------------------
# Transport: HTTP/1.1 over connections that are kept
# ----------------------------------------------------------------------------------------------------------------------

_CONNECT_SECONDS = 10.0
_MARGIN_SECONDS = 30.0  # beyond the time of a job, for the way and the queue
_LONGEST_SECONDS = 3700.0  # for the answer to a job whose time limit is the service's
_ENDLESS_SECONDS = 1e15
_LONGEST_WAIT = 1e9  # that a socket takes
_KEPT_SECONDS = 30.0  # an idle connection is not used after that: the service or a proxy may be about to close it
_MOST_KEPT = 32
_REPEATABLE = ("GET", "HEAD", "PUT", "DELETE")  # sending them twice does what sending them once does
_LARGEST_KEY = 4096


class _Url(NamedTuple):
    scheme: str
    host: str  # without the brackets of an IPv6 address
    port: int
    prefix: str  # of every path: empty, or "/..." without a slash at its end

    @property
    def authority(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == {"http": 80, "https": 443}[self.scheme] else f"{name}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


def _parse_url(text: str) -> _Url:
    """Raises ValueError."""
    match = re.fullmatch(r"(https?)://([^/?#]*)(/[^?#]*)?(.*)", text)
    if match is None or re.search(r'[^!-~]|["\\]', text):
        raise ValueError(f"'{text}' is not a URL as http://HOST:PORT or https://HOST:PORT/PREFIX")
    scheme, authority, prefix, rest = match[1], match[2], match[3] or "", match[4]
    if "@" in authority:
        raise ValueError("a URL must not hold a user or a key; PYEXEC_KEY, Client(key=...) and --key-file give one")
    if rest:
        raise ValueError(f"'{text}' has a '?' or '#', which the address of a service has not")
    parts = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::(.*))?", authority)
    if parts is None:
        raise ValueError(f"'{text}' has no ':' between host and port, or a '[' that is not closed")
    host, port = parts[1] or parts[2], parts[3]
    if not host:
        raise ValueError(f"'{text}' names no host")
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise ValueError(f"'{text}' has the port '{port}', which is no number from 1 to 65535")
    return _Url(scheme, host, int(port or {"http": 80, "https": 443}[scheme]), prefix.rstrip("/"))


def _checked_key(key: str, source: str) -> str:
    """It stands in a header. What it is must not be shown. Raises ValueError."""
    if len(key) > _LARGEST_KEY or not re.fullmatch(r"[!-~]*", key):
        raise ValueError(f"{source} does not hold one API key, which has neither spaces nor newlines")
    return key


def _seconds(text: Optional[str]) -> Optional[float]:
    """Of Retry-After. It may also be a date, which is as good as nothing."""
    return float(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text.strip()) else None


def _words(problem: BaseException) -> str:
    """What an exception of the system says, without its number."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {problem.verify_message}; SSL_CERT_FILE names CAs to trust"
    if isinstance(problem, ssl.SSLError):
        return f"TLS failed ({problem.reason or problem}); does it speak https there?"
    if isinstance(problem, socket.timeout):
        return "no answer in time"
    if isinstance(problem, OSError) and problem.strerror:
        return str(problem.strerror)
    return str(problem) or type(problem).__name__


def _wait_ready(reads: Iterable[Any], writes: Iterable[Any], seconds: Optional[float]) -> Tuple[Set[Any], Set[Any]]:
    """Waits until one of the sockets or descriptors can be read or written without waiting."""
    reads, writes = list(reads), list(writes)
    if not hasattr(select, "poll"):
        ready = select.select(reads, writes, [], seconds)
        return set(ready[0]), set(ready[1])
    poll = select.poll()
    masks: Dict[int, int] = collections.defaultdict(int)
    fd_of = {one: one if isinstance(one, int) else one.fileno() for one in [*reads, *writes]}
    for one in reads:
        masks[fd_of[one]] |= select.POLLIN
    for one in writes:
        masks[fd_of[one]] |= select.POLLOUT
    for fd, mask in masks.items():
        poll.register(fd, mask)
    got = dict(poll.poll(None if seconds is None else max(0, math.ceil(seconds * 1000))))
    broken = select.POLLHUP | select.POLLERR | select.POLLNVAL
    return ({one for one in reads if got.get(fd_of[one], 0) & (select.POLLIN | broken)},
            {one for one in writes if got.get(fd_of[one], 0) & (select.POLLOUT | broken)})


class _Reply:
    """An answer of HTTP, read to its end."""

    def __init__(self, status: int, headers: HTTPMessage, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def outcome(self) -> str:
        return self.headers.get("Pyexec-Outcome") or ""

    @property
    def retry_after(self) -> Optional[float]:
        return _seconds(self.headers.get("Retry-After"))

    @property
    def cookie(self) -> Dict[str, str]:
        """The header that keeps a client at its instance behind a balancer. Empty if it was not asked to send one."""
        cookies = [one.split(";")[0].strip() for one in self.headers.get_all("Set-Cookie") or []]
        return {"Cookie": "; ".join(cookies)} if cookies else {}

    def json(self) -> Any:
        try:
            return _parse(self.body)
        except ValueError as problem:
            raise UnexpectedAnswer(f"the service answered with {self.status} and no JSON: {problem}",
                                   status=self.status) from None

    def object(self) -> Dict[str, Any]:
        body = self.json()
        if not isinstance(body, dict):
            raise UnexpectedAnswer(f"the service answered with {self.status} and no JSON object", status=self.status)
        return body

    def member(self, name: str) -> Any:
        try:
            return self.object()[name]
        except KeyError:
            raise UnexpectedAnswer(f"the service answered with {self.status} and without {name!r}",
                                   status=self.status) from None


class _Transport:
    """Connections to one service. Threads may share it: each request has a connection to itself."""

    def __init__(self, url: _Url, key: str, context: Optional[ssl.SSLContext]):
        self.url, self.lock, self.was_connected, self.process = url, threading.Lock(), False, os.getpid()
        self.kept: List[Tuple[http.client.HTTPConnection, float]] = []
        self.headers = {"User-Agent": f"pyexec.py/{__version__}", "Host": url.authority}
        if key:
            self.headers["Authorization"] = f"Bearer {key}"
        self._context = context
        self.proxy = self._proxy()

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        # Trusts the CAs of the system or, if it is set, of SSL_CERT_FILE.
        return self._context or ssl.create_default_context()

    def _proxy(self) -> Optional[urllib.parse.SplitResult]:
        """The proxy that the environment names for this service (http_proxy, https_proxy, no_proxy)."""
        proxy = urllib.request.getproxies().get(self.url.scheme)
        if not proxy or urllib.request.proxy_bypass(f"{self.url.host}:{self.url.port}"):
            return None
        parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the proxy of the environment must be http://HOST:PORT, not {parts.scheme}://...")
        return parts

    def _proxy_headers(self) -> Dict[str, str]:
        if self.proxy is None or self.proxy.username is None:
            return {}
        user = f"{urllib.parse.unquote(self.proxy.username)}:{urllib.parse.unquote(self.proxy.password or '')}"
        return {"Proxy-Authorization": "Basic " + base64.b64encode(user.encode()).decode()}

    @property
    def is_forwarded(self) -> bool:
        """Whether requests go to a proxy that reads them; through CONNECT it does not."""
        return self.proxy is not None and self.url.scheme == "http"

    def target(self, path: str) -> str:
        return f"http://{self.url.authority}{self.url.prefix}{path}" if self.is_forwarded else self.url.prefix + path

    def all_headers(self, more: Mapping[str, str]) -> Dict[str, str]:
        return {**self.headers, **(self._proxy_headers() if self.is_forwarded else {}), **more}

    def connect(self) -> http.client.HTTPConnection:
        """Raises Unreachable."""
        host, port = self.url.host, self.url.port
        if self.proxy is not None:
            host, port = str(self.proxy.hostname), self.proxy.port or 80
        connection: http.client.HTTPConnection
        if self.url.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=_CONNECT_SECONDS, context=self.context)
            if self.proxy is not None:
                connection.set_tunnel(self.url.host, self.url.port, self._proxy_headers())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
        try:
            with _closing(connection.close):
                connection.connect()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            error = Unreachable(self._why_unreachable(problem))
            error.__cause__ = problem
            raise error
        self.was_connected = True
        self._limit_silence(connection.sock)
        return connection

    def _why_unreachable(self, problem: BaseException) -> str:
        through = f" through the proxy {self.proxy.hostname}:{self.proxy.port or 80}" if self.proxy is not None else ""
        return f"cannot connect to {self.url.authority}{through}: {_words(problem)}; the address is {self.url}"

    @staticmethod
    def _limit_silence(sock: socket.socket) -> None:
        """A service whose machine is gone would be waited for until the time of the job is over."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6)):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _take_kept(self) -> Optional[http.client.HTTPConnection]:
        """A connection that is still open: one with something to read was closed by the other side."""
        while True:
            with self.lock:
                if self.process != os.getpid():  # after a fork the connections are the parent's
                    for connection, _ in self.kept:
                        connection.close()
                    self.process, self.kept = os.getpid(), []
                if not self.kept:
                    return None
                connection, since = self.kept.pop()
            is_fresh = time.monotonic() - since < _KEPT_SECONDS and connection.sock is not None
            if is_fresh and not _wait_ready([connection.sock], [], 0)[0]:
                return connection
            connection.close()

    def keep(self, connection: http.client.HTTPConnection) -> None:
        with self.lock:
            if len(self.kept) < _MOST_KEPT:
                self.kept.append((connection, time.monotonic()))
                return
        connection.close()

    def close(self) -> None:
        with self.lock:
            kept, self.kept = self.kept, []
        for connection, _ in kept:
            connection.close()

    def __del__(self) -> None:
        if hasattr(self, "kept"):
            self.close()

    def begin(self, method: str, path: str, body: Optional[bytes], headers: Mapping[str, str],
              wait: float) -> Tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Sends a request and reads the head of its answer.

        A request that was not sent as a whole has run nothing, so it is sent again on a new connection. One that was,
        on a connection that then broke, may have run: if that matters, this raises AnswerLost.
        """
        connection = self._take_kept()
        if connection is not None:
            found = self._try(connection, method, path, (body, headers, wait))
            if found is not None:
                return connection, found
        connection = self.connect()
        found = self._try(connection, method, path, (body, headers, wait), is_last=True)
        assert found is not None
        return connection, found

    def _try(self, connection: http.client.HTTPConnection, method: str, path: str,
             rest: Tuple[Optional[bytes], Mapping[str, str], float],
             is_last: bool = False) -> Optional[http.client.HTTPResponse]:
        """Returns None if the request can be sent again without doing anything twice."""
        body, headers, wait = rest
        sent = False
        try:
            with _closing(functools.partial(_shut, connection)):
                connection.sock.settimeout(wait)
                try:
                    connection.request(method, self.target(path), body, self.all_headers(headers))
                    sent = True
                except (BrokenPipeError, ConnectionResetError):
                    early = connection.getresponse()  # it may have been refused before it was read to its end
                    early.will_close = True
                    return early
                return connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            if not is_last and (not sent or (method in _REPEATABLE and not isinstance(problem, socket.timeout))):
                return None
            if not sent:
                raise Unreachable(f"the connection to {self.url} broke while the request was sent: "
                                  f"{_words(problem)}") from problem
            raise self.lost(problem) from problem
        except BaseException:
            connection.close()  # which ends the job
            raise

    def lost(self, problem: BaseException) -> AnswerLost:
        return AnswerLost(f"the connection to {self.url} broke before the answer was there: {_words(problem)}; "
                          "the script may have run")

    def request(self, method: str, path: str, body: Optional[bytes] = None, headers: Mapping[str, str] = {},
                wait: float = 60.0) -> _Reply:
        """Raises Unreachable and AnswerLost. wait: seconds of silence after which the answer is given up."""
        connection, response = self.begin(method, path, body, headers, wait)
        try:
            with _closing(functools.partial(_shut, connection)):
                content = response.read()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            raise self.lost(problem) from problem
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self.keep(connection)
        return _Reply(response.status, response.headers, content)


def _shut(connection: http.client.HTTPConnection) -> None:
    """Ends what another thread reads or writes on this connection."""
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


# ----------------------------------------------------------------------------------------------------------------------
# What is sent: scripts, functions as their source, files, tools
# ----------------------------------------------------------------------------------------------------------------------


def _source_of(function: Callable[..., Any]) -> str:
    """The text of a function's definition. Raises TypeError for what its source alone does not make again."""
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, types.MethodType) or (
            isinstance(function, types.FunctionType)
            and "." in function.__qualname__.rpartition("<locals>.")[2]):
        raise TypeError(f"{name} is a method: its object does not go along. Send a function")
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"{name} is a {type(function).__name__} and no function that was written with def")
    if name == "<lambda>":
        raise TypeError("a lambda has no source of its own: write it with def")
    if hasattr(function, "__wrapped__"):
        raise TypeError(f"{name} has a decorator, which does not go along: send the function without it")
    if function.__code__.co_freevars:
        names = ", ".join(function.__code__.co_freevars)
        raise TypeError(f"{name} uses {names} of the function around it, which does not go along: "
                        "pass it as an argument")
    try:
        text = inspect.getsource(function)
        is_indented = text[:1].isspace()
        text = "if True:\n" + text if is_indented else text  # dedenting would change texts of several lines
        body = ast.parse(text).body
        body = getattr(body[0], "body", []) if is_indented else body
    except (OSError, TypeError, SyntaxError):
        raise TypeError(f"{name} has no source that can be read, as if it was typed into an interpreter: "
                        "send its text as a script") from None
    definition = body[0] if body else None
    if not isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)) or definition.name != name:
        raise TypeError(f"{name} is not defined by a def of this name in its file: send its text as a script")
    if definition.decorator_list:
        raise TypeError(f"{name} has a decorator, which does not go along: send the function without it")
    return text


def _names_read(code: types.CodeType, is_module: bool = True) -> Set[str]:
    """Names that code reads and has not defined itself before."""
    stored: Set[str] = set()
    read: Set[str] = set()
    for one in dis.get_instructions(code):
        if one.opname in ("STORE_NAME", "STORE_GLOBAL"):
            stored.add(one.argval)
        elif one.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") and one.argval not in stored:
            read.add(one.argval)
    inner: Set[str] = set()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner |= _names_read(constant, False)
    return read | (inner - stored if is_module else inner)


def _names_of(text: str) -> Set[str]:
    return _names_read(compile(text, "<function>", "exec", dont_inherit=True))


def _script_of(script: Script, needs: Sequence[Callable[..., Any]] = (), known: Iterable[str] = (),
               is_open: bool = False) -> str:
    """The text of a script that defines main. Raises TypeError.

    known: names that the script finds, as those of tools. is_open: whether it may find others, as on a template.
    """
    if isinstance(script, os.PathLike):
        return Path(script).read_text(encoding="utf-8-sig")
    if isinstance(script, str):
        if re.fullmatch(r"[^\n(:]*\.py", script.strip()):
            raise TypeError(f"{script!r} looks like the name of a file: give pathlib.Path({script!r}), or the text")
        if needs:
            raise TypeError("needs is for functions; the text of a script holds all that it needs")
        return script
    if not callable(script):
        raise TypeError(f"a script is text, a pathlib.Path or a function, not {type(script).__name__}")
    if callable(needs) or isinstance(needs, str):
        raise TypeError("needs is a list of functions, as needs=[helper]")
    functions = list(dict.fromkeys([*needs, script]))
    name = script.__name__ if isinstance(script, types.FunctionType) else ""
    texts = ["from __future__ import annotations\n"]  # annotations may name what is not there
    texts += [_source_of(function) for function in functions]
    _check_names([function.__name__ for function in functions], name, "\n".join(texts))
    if name != "main":
        texts.append(f"main = {name}\n")
    text = "\n".join(texts)
    if not is_open:
        found = {*known, *vars(builtins), "display", "__name__", "__builtins__", "__doc__"}
        missing = sorted(_names_of(text) - found)
        if missing:
            raise TypeError(f"{name} uses {'; '.join(_advice_on(one, script) for one in missing)}")
    return text


def _check_names(names: Sequence[str], script: str, text: str) -> None:
    """Of functions that are sent together. Raises TypeError."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise TypeError(f"two functions that are sent are named {twice[0]}: give one of them another name")
    if script != "main" and ("main" in names or "main" in _names_of(text)):
        raise TypeError(f"{script} needs a function main, but the service calls what it runs main: "
                        "give that function another name")


def _advice_on(name: str, function: Callable[..., Any]) -> str:
    there = getattr(function, "__globals__", {})
    if name not in there:
        return f"{name}, which is not defined"
    value = there[name]
    if isinstance(value, types.ModuleType):
        how = f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
        return f"the module {name}: import it inside the function ({how})"
    if isinstance(value, types.FunctionType) and value.__module__ == getattr(function, "__module__", None):
        return f"the function {name}: send it along (needs=[{name}])"
    if callable(value):
        return f"{name}, which does not go along: import it inside the function"
    return f"the global {name}, which does not go along: pass it as an argument"


def _content_of(content: Content) -> Union[str, bytes]:
    if isinstance(content, os.PathLike):
        return Path(content).read_bytes()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    if not isinstance(content, str):
        raise TypeError(f"the content of a file is str, bytes or a path, not {type(content).__name__}")
    return content


def _packed(content: Content) -> Any:
    got = _content_of(content)
    return got if isinstance(got, str) else {"base64": base64.b64encode(got).decode()}


def _files_of(files: Optional[FilesToSend]) -> Optional[Dict[str, Any]]:
    """The field `files`. A list has paths of files, which are sent under their own names."""
    if files is None:
        return None
    if isinstance(files, (str, bytes, os.PathLike)):
        raise TypeError("files is {name: content} or a list of paths")
    if isinstance(files, Mapping):
        return {name: _packed(content) for name, content in files.items()}
    packed: Dict[str, Any] = {}
    for one in files:
        name = Path(one).name
        if name in packed:
            raise TypeError(f"two files are named {name}: give them as {{name: path}}, with a name for each")
        packed[name] = _packed(Path(one))
    return packed


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text, not {type(value).__name__}")
    return value


def _call_arguments(script: Script, args: Sequence[Any], kwargs: Optional[Mapping[str, Any]]) -> Any:
    """The field `args`: a list, or an object if there are arguments by name."""
    if not kwargs:
        return list(args)
    if not args:
        return dict(kwargs)
    if not isinstance(script, types.FunctionType):
        raise TypeError("a script takes arguments by position or by name, not both")
    bound = inspect.signature(script).bind(*args, **kwargs)
    named = dict(bound.arguments)
    for parameter in inspect.signature(script).parameters.values():
        if parameter.name in named and parameter.kind is parameter.VAR_KEYWORD:
            named.update(named.pop(parameter.name))
        elif parameter.name in named and parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{script.__name__} takes {parameter.name} by position only, so all arguments must be")
    return named


class _Tools:
    """Functions of the caller's that a script may call."""

    MOST_AT_ONCE = 16

    def __init__(self, tools: Optional[Tools]):
        if tools is None:
            tools = {}
        elif isinstance(tools, str) or callable(tools):
            raise TypeError("tools is {name: function} or a list of functions")
        elif not isinstance(tools, Mapping):
            tools = self._named(tools)
        for name, function in tools.items():
            if not callable(function):
                raise TypeError(f"the tool {name} is {type(function).__name__}, which cannot be called")
        self.functions = dict(tools)

    @staticmethod
    def _named(tools: Iterable[Callable[..., Any]]) -> Dict[str, Callable[..., Any]]:
        named: Dict[str, Callable[..., Any]] = {}
        for one in tools:
            name = getattr(one, "__name__", None)
            if not isinstance(name, str):
                raise TypeError(f"a tool is {type(one).__name__}, which has no name: give tools as {{name: function}}")
            if name in named:
                raise TypeError(f"two tools are named {name}: give tools as {{name: function}}")
            named[name] = one
        return named

    @property
    def field(self) -> Optional[List[Any]]:
        return [self._described(name, function) for name, function in self.functions.items()] or None

    @staticmethod
    def _described(name: str, function: Callable[..., Any]) -> Any:
        """With a schema where the parameters are plain: the script then sees a wrong call before the caller does."""
        described: Dict[str, Any] = {"name": name}
        text = inspect.getdoc(function) if isinstance(function, (types.FunctionType, types.MethodType)) else None
        if text:
            described["description"] = text
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return described
        if all(one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in parameters):
            described["input_schema"] = {
                "type": "object", "properties": {one.name: {} for one in parameters},
                "required": [one.name for one in parameters if one.default is one.empty], "additionalProperties": False}
        return described

    def answer(self, call: Mapping[str, Any]) -> Dict[str, Any]:
        """An entry of `results` that can be sent: what the function returned, or why it did not."""
        try:
            args, function = call["args"], self.functions[call["name"]]
            value = function(*args) if isinstance(args, list) else function(**args)
            if inspect.isawaitable(value):
                value = _await_elsewhere(value)
            _dump(value, f"what {call['name']} returned")
        except (KeyboardInterrupt, _Cancelled):
            raise
        except BaseException as error:  # SystemExit, too: it would end a thread, and nobody would answer
            return {"id": call["id"], "error": self._told(error)}
        return {"id": call["id"], "result": value}

    @staticmethod
    def _told(error: BaseException) -> str:
        kind = type(error).__name__
        try:
            text = str(error) if isinstance(error, ToolError) else f"{kind}: {error}"
        except Exception:
            text = f"{kind}, whose text cannot be told"
        return text.encode("utf-8", "backslashreplace").decode()

    def answers(self, calls: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
        """Runs several at once, each in a thread."""
        if len(calls) == 1:
            return [self.answer(calls[0])]
        with concurrent.futures.ThreadPoolExecutor(min(len(calls), self.MOST_AT_ONCE)) as pool:
            contexts = [contextvars.copy_context() for _ in calls]
            running = [pool.submit(context.run, self.answer, call)  # type: ignore[arg-type]
                       for context, call in zip(contexts, calls)]
            return [one.result() for one in running]  # type: ignore[misc]


_loop_of_caller: contextvars.ContextVar[Optional[asyncio.AbstractEventLoop]]
_loop_of_caller = contextvars.ContextVar("pyexec_loop", default=None)


def _await_elsewhere(value: Awaitable[Any]) -> Any:
    """Awaits in the event loop of the AsyncClient's caller; without one, in a loop of its own."""
    async def wait() -> Any:
        return await value

    loop = _loop_of_caller.get()
    if loop is None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(wait())
        context = contextvars.copy_context()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: context.run(asyncio.run, wait())).result()
    future = asyncio.run_coroutine_threadsafe(wait(), loop)
    with _closing(future.cancel):
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the call was cancelled") from None


# ----------------------------------------------------------------------------------------------------------------------
# Streams: a job's events as they come
# ----------------------------------------------------------------------------------------------------------------------


class Stream(Iterator[Event]):
    """The events of a job, as they come. Closing it, or leaving its `with`, kills a job that still runs.

    Calls of tools are answered in threads while the events are read. `answer()` reads what is left and returns the
    Answer, or raises the Error of the job; iterating alone does not raise that, but has the events `error` and `end`.
    """

    def __init__(self, owner: _Jobs, opened: Tuple[http.client.HTTPConnection, http.client.HTTPResponse],
                 tools: _Tools, headers: Mapping[str, str]):
        self._owner, self._client, (self._connection, self._response) = owner, owner._client, opened
        self._tools, self._headers = tools, headers
        self._pool: Optional[concurrent.futures.ThreadPoolExecutor] = None
        self._lines: Deque[bytes] = collections.deque()
        self._rest = b""
        self._body: Dict[str, Any] = {}
        self._stdout: List[str] = []
        self._stderr: List[str] = []
        self._ended = self._closed = False
        self._process = os.getpid()
        self._lock = threading.Lock()  # guards what follows, and _ended
        self._problem: Optional[BaseException] = None  # why a call could not be answered

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Event:
        if self._ended or self._closed:
            raise StopIteration
        try:
            event = self._next()
            self._note(event)
        except BaseException:
            self.close()
            raise
        return event

    def _next(self) -> Event:
        while True:
            while self._lines:
                self._check()
                line = self._lines.popleft().strip()
                try:
                    data = _parse(line) if line else {"event": "ping"}
                except ValueError as problem:
                    raise UnexpectedAnswer(f"the stream has a line that cannot be read: {problem}") from None
                name = data.pop("event", None) if isinstance(data, dict) else None
                if name is None:
                    raise UnexpectedAnswer("the stream has a line that is no event")
                if name != "ping":
                    return Event(name, data)
            try:
                with _closing(functools.partial(_shut, self._connection)):
                    piece = self._response.read1(65536)
            except (OSError, http.client.HTTPException) as problem:
                self._check()
                raise self._client._transport.lost(problem) from problem
            self._check()
            if not piece:
                raise self._client._transport.lost(ConnectionError("the stream ended early"))
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._lines.extend(lines)

    def _check(self) -> None:
        if self._problem is not None:
            raise self._problem

    def _note(self, event: Event) -> None:
        if event.name == "stdout":
            self._stdout.append(event.text)
        elif event.name == "stderr":
            self._stderr.append(event.text)
        elif event.name == "call":
            self._answer_call(event.data)
        else:
            self._body.update(event.data)
        if isinstance(self._owner, Session) and isinstance(event.data.get("head"), int):
            self._owner.head = event.data["head"]
        if event.name == "end":
            with self._lock:
                self._ended = True
            self._finish()

    def _answer_call(self, call: Dict[str, Any]) -> None:
        if not self._tools.functions:
            return
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(_Tools.MOST_AT_ONCE)

        def answer() -> None:
            try:
                results = [self._tools.answer(call)]
                with contextlib.suppress(Gone, NotFound):  # the job has ended meanwhile
                    self._client._continue(call["continue"], results, self._headers)
            except BaseException as problem:
                with self._lock:
                    if not self._ended:  # else somebody else may have the connection
                        self._problem = problem
                        _shut(self._connection)  # whoever reads wakes up

        context = contextvars.copy_context()
        self._pool.submit(lambda: context.run(answer))

    def _finish(self) -> None:
        """Reads the end of the answer, so that the connection can be kept."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            if self._response.read1(1) == b"" and not self._response.will_close:
                self._client._transport.keep(self._connection)
                self._closed = True
        self.close()

    def answer(self) -> Answer:
        """Reads to the end. Raises the Error of a job that failed, as `run` does, and ValueError after `close`."""
        for _ in self:
            pass
        if not self._ended:
            raise ValueError("the stream was closed before its end")
        body = {**self._body, "stdout": "".join(self._stdout), "stderr": "".join(self._stderr)}
        if self._body["outcome"] != "ok":
            raise _error_of(self._body["outcome"], body)
        return Answer(body)

    def close(self) -> None:
        """Ends the connection, which kills the job if it still runs. After a fork only the process that opened it does
        that."""
        is_own = self._process == os.getpid()
        if self._pool is not None and is_own:
            self._pool.shutdown(wait=False)
        if not self._closed:
            self._closed = True
            if is_own:
                _shut(self._connection)
            self._connection.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


# ----------------------------------------------------------------------------------------------------------------------
# Batches: many jobs over one connection, which is made again when it breaks
# ----------------------------------------------------------------------------------------------------------------------
#
#   feed (a thread) ──▶ ledger ── lines ──▶ service ── answers ──▶ sink
#                         ▲                              │
#                         └────── jobs to send again ◀───┘
#
# One thread reads and writes the connection. The command and `map` differ in their feeds and sinks.

_WINDOW = 1000
_WINDOW_BYTES = 64 * MIB
_LARGEST_LINE = 64 * MIB
_INTERNAL_RETRIES = 3
_SENT_BYTES = 64 << 10  # a chunk, about
_REFUSAL_BYTES = 64 << 10  # as much of a refusal is read
_HEAD_SECONDS = 30.0  # the service begins its answer before it reads any job
# A blank line so often keeps alive a request that has nothing to say. By default the service closes after 75 s.
_HEARTBEAT_SECONDS = 4.0
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)  # all others are final


class _AnswerLine(NamedTuple):
    place: int  # the index
    outcome: str
    span: Tuple[int, int]  # where the index stands in the line
    body: Dict[str, Any]


def _read_answer_line(line: bytes) -> Optional[_AnswerLine]:
    """Returns None for what is no answer to a job. Raises ValueError for what is no JSON."""
    body = _parse(line, whole_number=lambda digits: 0)
    if not isinstance(body, dict):
        raise ValueError("no object")
    place = re.match(rb'\s*\{\s*"index"\s*:\s*([0-9]{1,18})\s*[,}]', line)
    if place is None or not isinstance(body.get("outcome"), str):
        if "progress" in body and "index" not in body:
            return None
        raise ValueError("no index or outcome")
    return _AnswerLine(int(place[1]), body["outcome"], place.span(1), body)


def _shown_error(text: bytes) -> str:
    """The service's words; the text itself, cut short, where they are somebody else's."""
    with contextlib.suppress(ValueError):
        body = _parse(text)
        if isinstance(body, dict) and isinstance(body.get("error"), str):
            return str(body["error"])
    return text.splitlines()[0][:200].decode(errors="replace") if text.strip() else ""


class _Ledger:
    """Which jobs are out, which are answered, which have to be sent (again).

        add ──▶ waiting ── take_next ──▶ out ── settle ──▶ gone: reported
                   ▲                      │
                   └── settle, restart ◀──┘

    A job is in here from `add` until its answer is to be reported, and only that settle says so, or until a restart
    gives it up. Hence none is forgotten, and none is reported twice.
    """

    def __init__(self, window: int, again: Iterable[str], internal_retries: int = _INTERNAL_RETRIES):
        """again: outcomes of jobs that did not run and are to be sent again."""
        self.window, self.again, self.bytes, self.next_index = window, frozenset(again), 0, 0
        self.internal_retries = internal_retries
        self.jobs: Dict[int, bytes] = {}  # by place, in order
        self.internal_ends: Dict[int, int] = {}
        self.waiting: Deque[int] = collections.deque()
        self.out: Dict[int, int] = {}  # index on this connection -> place

    def has_room(self, size: int, held: int) -> bool:
        """held: jobs that have left the ledger and still count."""
        if not self.jobs and not held:
            return True
        return len(self.jobs) + held < self.window and (not self.jobs or self.bytes + size <= _WINDOW_BYTES)

    def add(self, place: int, line: bytes) -> None:
        self.jobs[place] = line
        self.bytes += len(line)
        self.waiting.append(place)

    def take_next(self) -> Optional[bytes]:
        if not self.waiting:
            return None
        place = self.waiting.popleft()
        self.out[self.next_index] = place
        self.next_index += 1
        return self.jobs[place]

    def settle(self, index: int, outcome: str) -> Tuple[Optional[int], bool]:
        """Returns the place of the job and whether its answer is to be reported. No place: there is no such job."""
        place = self.out.pop(index, None)
        if place is None:
            return None, False
        if self._is_to_be_sent_again(place, outcome):
            self.waiting.append(place)
            return place, False
        self._drop(place)
        return place, True

    def _drop(self, place: int) -> None:
        self.bytes -= len(self.jobs.pop(place))
        self.internal_ends.pop(place, None)

    def _is_to_be_sent_again(self, place: int, outcome: str) -> bool:
        if outcome == "internal":
            self.internal_ends[place] = self.internal_ends.get(place, 0) + 1
            return self.internal_ends[place] <= self.internal_retries
        return outcome in self.again

    def restart(self, given_up: int = 0) -> List[int]:
        """A new connection begins to count at 0, and whatever has no answer is to be sent on it, but for jobs of the
        first `given_up` indices: these are in here no more, and their places are returned."""
        lost = sorted(place for index, place in self.out.items() if index < given_up)
        for place in lost:
            self._drop(place)
        self.out.clear()
        self.waiting = collections.deque(sorted(self.jobs))
        self.next_index = 0
        return lost


class _Sink:
    """Where answers go. All but `take` may be called at any time."""

    def take(self, place: int, line: bytes, answer: _AnswerLine, size: int) -> None:
        """size: bytes of the job."""
        raise NotImplementedError

    def lose(self, place: int, error: AnswerLost) -> None:
        """There will be no answer to this job."""
        raise NotImplementedError

    def held(self) -> int:
        """Jobs whose answers count against the window still."""
        return 0

    def is_full(self) -> bool:
        return False

    def descriptor(self) -> Optional[int]:
        """What has to be writable for `write_some`. None if there is nothing to write."""
        return None

    def write_some(self) -> None:
        """Writes what can be written without waiting."""

    def tick(self) -> Optional[float]:
        """Returns in how many seconds it wants to be called again."""
        return None


class _BatchRefused(Exception):
    """The service does not take the batch. error: what to raise for it in a program."""

    def __init__(self, message: str, error: Optional[Error] = None):
        super().__init__(message)
        self.error = error or UnexpectedAnswer(message)


class _Link:
    """One POST /execute/batch on a connection of its own, without waiting for it."""

    def __init__(self, transport: _Transport):
        self.connection = transport.connect()
        self.sock = self.connection.sock
        self.sock.settimeout(0)
        headers = {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}
        lines = [f"POST {transport.target('/execute/batch')} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in transport.all_headers(headers).items()]
        self.out = bytearray(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        self.written = self.jobs_sent = 0  # bytes; jobs that have begun to go out
        self.job_starts: Deque[int] = collections.deque()  # of the others: where they stand among all bytes
        self.is_finished = False  # the request
        self.is_complete = self.is_broken = False  # the answer
        self.problem = "the connection broke: it was closed"
        self.status = 0
        self.headers = http.client.HTTPMessage()
        self._in = bytearray()
        self._left: Optional[int] = None  # bytes of the chunk or the body
        self._is_chunked = self._is_last = False

    def send(self, lines: bytes) -> None:
        self.out += b"%x\r\n%b\r\n" % (len(lines), lines)

    def send_jobs(self, lines: Sequence[bytes]) -> None:
        data = b"".join(lines)
        start = self.written + len(self.out) + len(b"%x\r\n" % len(data))
        for line in lines:
            self.job_starts.append(start)
            start += len(line)
        self.send(data)

    def finish(self) -> None:
        self.is_finished = True
        self.out += b"0\r\n\r\n"

    def write_some(self) -> None:
        try:
            while self.out:
                sent = self.sock.send(bytes(self.out[:256 << 10]))
                del self.out[:sent]
                self.written += sent
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError:
            self.out.clear()  # what was answered can be read all the same
        while self.job_starts and self.job_starts[0] < self.written:
            self.job_starts.popleft()
            self.jobs_sent += 1

    def has_pending(self) -> bool:
        """Whether bytes were taken from the socket already, by TLS."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def read_some(self) -> bytes:
        """Bytes of the body."""
        try:
            data = self.sock.recv(256 << 10)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as problem:
            self.is_broken, self.problem = True, f"the connection broke: {_words(problem)}"
            return b""
        self._in += data
        try:
            body = self._decode()
        except ValueError:
            self.is_broken, self.problem = True, "the connection broke: the answer is no HTTP"
            return b""
        if not data and not self.is_complete:
            if self.status and not self._is_chunked and self._left is None:
                self.is_complete = True  # the body was all until the end
            else:
                self.is_broken = True
        return body

    def _decode(self) -> bytes:
        while not self.status:
            end = self._in.find(b"\r\n\r\n")
            if end < 0:
                if len(self._in) > 64 << 10:
                    raise ValueError("a head without an end")
                return b""
            head = bytes(self._in[:end + 4])
            del self._in[:end + 4]
            first = re.match(rb"HTTP/1\.[01] ([0-9]{3})", head)
            if first is None:
                raise ValueError("no status")
            if int(first[1]) >= 200:
                self.headers = http.client.parse_headers(io.BytesIO(head.partition(b"\r\n")[2]))
                self.status = int(first[1])
                self._is_chunked = "chunked" in (self.headers.get("Transfer-Encoding") or "").lower()
                if not self._is_chunked and self.headers.get("Content-Length"):
                    self._left = int(self.headers["Content-Length"])
                    self.is_complete = self._left == 0
        return self._decode_chunks() if self._is_chunked else self._decode_plain()

    def _decode_plain(self) -> bytes:
        size = len(self._in) if self._left is None else min(self._left, len(self._in))
        body = bytes(self._in[:size])
        del self._in[:size]
        if self._left is not None:
            self._left -= size
            self.is_complete = self._left == 0
        return body

    def _decode_chunks(self) -> bytes:
        body, at = bytearray(), 0
        while not self.is_complete:
            if self._left is None:  # a line with a size comes, or a trailer
                end = self._in.find(b"\r\n", at)
                if end < 0:
                    break
                line, at = bytes(self._in[at:end]), end + 2
                if self._is_last:
                    self.is_complete = line == b""
                    continue
                size = int(line.partition(b";")[0], 16)
                if size < 0:
                    raise ValueError("a chunk of less than nothing")
                self._is_last = size == 0
                self._left = None if size == 0 else size + 2
                continue
            piece = self._in[at:at + max(self._left - 2, 0)]
            body += piece
            at, self._left = at + len(piece), self._left - len(piece)
            if self._left > 2 or len(self._in) - at < self._left:
                break
            at, self._left = at + self._left, None
        del self._in[:at]
        return bytes(body)

    def close(self) -> None:
        _shut(self.connection)
        self.connection.close()


def _is_permanent(problem: BaseException) -> bool:
    """Whether a connection will fail like this again: no such host, no TLS there, a proxy that refuses."""
    if isinstance(problem, socket.gaierror):
        return problem.errno != socket.EAI_AGAIN
    if isinstance(problem, ssl.SSLError):
        return not isinstance(problem, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    refused = re.match(r"Tunnel connection failed: ([0-9]{3})", str(problem))
    return refused is not None and int(refused[1]) not in _PASSING_STATUSES


class _Batch:
    """Sends the jobs of a feed until each has its answer, and hands those to a sink.

    feed yields (place, line), each line with its newline; place None: the line with defaults, which must come first.
    The feed is read by a thread of its own. run() ends when everything is answered; it raises GaveUp, _BatchRefused,
    Unreachable for a host that does not exist or will never do, and what the feed raises.
    """

    def __init__(self, transport: _Transport, feed: Iterator[Tuple[Optional[int], bytes]], sink: _Sink, *, window: int,
                 patience: float, retry_lost: bool = True, prepare: Optional[Callable[[], bytes]] = None,
                 tell: Callable[[str], Any] = lambda text: None):
        """retry_lost: whether jobs are sent again that may have run. tell: called with trouble of the connection, once
        until it changes or an answer comes."""
        self.transport, self.feed, self.sink = transport, feed, sink
        again = [kind.outcome for kind in TryAgain.__subclasses__()] + ([UnknownTemplate.outcome] if prepare else [])
        self.prepare = prepare  # makes the template of the jobs anew, and returns the line with defaults
        self.prepared_at = -math.inf
        self.tell, self.told, self.trouble = tell, "", ""  # trouble: since the last answer
        self.retry_lost = retry_lost
        self.ledger = _Ledger(window, again, _INTERNAL_RETRIES if retry_lost else 0)
        self.patience = _Patience(patience)
        self.changed = threading.Condition()  # guards all that follows, and the ledger
        self.defaults = b""
        self.is_input_over = self.is_stopped = self.is_waking = False
        self.problem: Optional[BaseException] = None
        self.was_connected = self.is_connecting = False
        self.bell = socket.socketpair()
        for end in self.bell:
            end.setblocking(False)

    # What other threads call ------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Makes the thread of run() look again."""
        with self.changed:
            if self.is_waking:
                return
            self.is_waking = True
        with contextlib.suppress(OSError):
            self.bell[1].send(b"x")

    def stop(self) -> None:
        """Makes run() end soon. Jobs that are out are killed."""
        with self.changed:
            self.is_stopped = True
            self.changed.notify_all()
        self.wake()

    def released(self) -> None:
        """The sink has room again."""
        with self.changed:
            self.changed.notify_all()
        self.wake()

    def _fill(self) -> None:
        try:
            for place, line in self.feed:
                with self.changed:
                    if place is None:
                        self.defaults = line
                        continue
                    while not self.is_stopped and not self.ledger.has_room(len(line), self.sink.held()):
                        self.changed.wait()
                    if self.is_stopped:
                        return
                    self.ledger.add(place, line)
                self.wake()
        except BaseException as problem:
            self.problem = problem
        finally:
            self.is_input_over = True
            self.wake()

    # The thread of run() ----------------------------------------------------------------------------------------------

    def run(self) -> None:
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._fill,), daemon=True, name="pyexec-feed").start()
        try:
            while not self._is_over():
                with self.changed:
                    is_waiting = bool(self.ledger.waiting)
                now = time.monotonic()
                if not is_waiting:
                    self._wait(None, None)
                elif now < self.patience.next_try:
                    self._wait(None, self.patience.next_try - now)
                else:
                    self._attempt()
        finally:
            with self.changed:
                self.is_stopped = True
                self.changed.notify_all()

    def close(self) -> None:
        for end in self.bell:
            end.close()

    def _is_over(self) -> bool:
        if self.problem is not None:
            raise self.problem
        with self.changed:
            is_done = self.is_input_over and not self.ledger.jobs
        return self.is_stopped or (is_done and self.sink.descriptor() is None)

    def _wait(self, link: Optional[_Link], seconds: Optional[float]) -> Tuple[bool, bool]:
        """Waits for the connection, the sink, a call of wake(), or so many seconds. Whether the link can be read,
        written."""
        tick = self.sink.tick()
        seconds = tick if seconds is None else seconds if tick is None else min(seconds, tick)
        output = self.sink.descriptor()
        reads: List[Any] = [self.bell[0]]
        writes: List[Any] = [output] if output is not None else []
        if link is not None and not self.sink.is_full():
            reads.append(link.sock)
            seconds = 0 if link.has_pending() else seconds
        if link is not None and link.out:
            writes.append(link.sock)
        readable, writable = _wait_ready(reads, writes, seconds)
        if self.bell[0] in readable:
            with contextlib.suppress(OSError):
                self.bell[0].recv(4096)
            with self.changed:
                self.is_waking = False  # not before: a call of wake() between the two would be the last one heard
        if output is not None and output in writable:
            self.sink.write_some()
        if link is None:
            return False, False
        return link.sock in readable or (link.has_pending() and link.sock in reads), link.sock in writable

    def _attempt(self) -> None:
        if self.defaults and not self._is_taken(self.defaults):
            return
        link = self._connect()
        if link is None:
            return
        try:
            self._exchange(link)
        except GaveUp:
            self._give_up_lost(link)
            raise
        finally:
            link.close()
        self._give_up_lost(link)

    def _give_up_lost(self, link: _Link) -> None:
        """Jobs that were sent and have no answer may have run, unless the service says that none has."""
        is_refused = link.headers.get("Pyexec-Outcome") in self.ledger.again
        with self.changed:
            lost = self.ledger.restart(0 if self.retry_lost or is_refused else link.jobs_sent)
            self.changed.notify_all()
        why = f"no answer from {self.transport.url}: {self.trouble}; the script may have run"
        for place in lost:
            self.sink.lose(place, AnswerLost(why))

    def _connect(self) -> Optional[_Link]:
        self.is_connecting = True
        try:
            link = _Link(self.transport)
        except Unreachable as problem:
            cause = problem.__cause__
            if isinstance(cause, ssl.SSLCertVerificationError) or (
                    not self.was_connected and cause is not None and _is_permanent(cause)):
                raise
            self._trouble(problem.message)
            return None
        finally:
            self.is_connecting = False
        self.was_connected = True
        return link

    def _trouble(self, what: str, asked_for: Optional[float] = None, is_told: bool = True) -> None:
        self.trouble = what
        if self.patience.failed(time.monotonic(), asked_for) is not None:
            if is_told and what != self.told:
                self.told = what
                self.tell(f"{what}; trying again for {self.patience.limit:g} s")
            return
        with self.changed:
            jobs = f"{len(self.ledger.jobs)} jobs {'' if self.is_input_over else 'that were read '}have none"
        raise GaveUp(f"gave up after {self.patience.limit:g} s without an answer: {jobs}; last problem: {what}")

    def _is_taken(self, defaults: bytes) -> bool:
        """Whether the service takes the line with what jobs have in common. A refusal of it would take an index of the
        answers, so that it has to be known before."""
        link = self._connect()
        if link is None:
            return False
        try:
            link.send(defaults)
            link.finish()
            for line in self._lines_of(link):
                if line is not None and line.strip():
                    try:
                        answer = _read_answer_line(line)
                    except ValueError:
                        continue
                    if answer is None:
                        continue
                    error = _error_of(answer.outcome, answer.body)
                    if answer.outcome in self.ledger.again:
                        self._trouble(error.message, is_told=False)
                        self._prepare(answer.outcome)
                        return False
                    raise _BatchRefused(f"the service refuses the line with defaults: {error.message}", error)
            return link.is_complete and link.status == 200
        finally:
            link.close()

    def _prepare(self, outcome: str) -> None:
        """Many jobs may be told at once that there is no template."""
        if outcome == UnknownTemplate.outcome and self.prepare is not None and time.monotonic() > self.prepared_at + 1:
            self.defaults = self.prepare()
            self.prepared_at = time.monotonic()

    def _next_lines(self) -> List[bytes]:
        """As many of the lines that wait as make a chunk."""
        lines: List[bytes] = []
        if time.monotonic() < self.patience.next_try:
            return lines
        size = 0
        with self.changed:
            while size < _SENT_BYTES:
                line = self.ledger.take_next()
                if line is None:
                    break
                lines.append(line)
                size += len(line)
        return lines

    def _exchange(self, link: _Link) -> None:
        sent_at = time.monotonic()
        if self.defaults:
            link.send(self.defaults)

        def more_to_send() -> Optional[float]:
            nonlocal sent_at
            if link.is_finished:
                return None
            now = time.monotonic()
            if len(link.out) < _SENT_BYTES and link.status in (0, 200):
                lines = self._next_lines()
                if lines:
                    link.send_jobs(lines)
                    sent_at = now
                    return 0 if len(link.out) < _SENT_BYTES else None
            with self.changed:
                is_waiting = bool(self.ledger.waiting)
                is_last = self.is_input_over and not is_waiting
            if is_last:
                link.finish()
                return 0
            if is_waiting:
                return max(self.patience.next_try - now, 0) if not link.out else None
            if now - sent_at >= _HEARTBEAT_SECONDS and not link.out:
                link.send(b"\n")
                sent_at = now
                return 0
            return max(sent_at + _HEARTBEAT_SECONDS - now, 0.001)

        for line in self._lines_of(link, more_to_send):
            if self.is_stopped:
                return
            if line is None:
                with self.changed:
                    self.changed.notify_all()
            elif line.strip() and not self._take_answer(line):
                return self._trouble("the service sent what is no answer to any of the jobs")
        with self.changed:
            is_early = link.is_complete and link.status == 200 and (self.ledger.out or not link.is_finished)
        if is_early:
            self._trouble("the service ended its answer before every job had one")

    def _lines_of(self, link: _Link, more_to_send: Callable[[], Optional[float]] = lambda: None
                  ) -> Iterator[Optional[bytes]]:
        """The lines of an answer, and None after each piece of it. Ends with the answer, or has told of the trouble."""
        begin, rest, is_accepted, refusal = time.monotonic(), b"", False, b""
        while True:
            if self.problem is not None:
                raise self.problem
            if self.is_stopped:
                return
            seconds = more_to_send()
            if not link.status:
                left = begin + _HEAD_SECONDS - time.monotonic()
                if left <= 0:
                    return self._trouble(f"{self.transport.url.authority} does not answer")
                seconds = left if seconds is None else min(left, seconds)
            can_read, can_write = self._wait(link, seconds)
            if can_write:
                link.write_some()
            if not can_read:
                continue
            piece = link.read_some()
            if link.status and not is_accepted:
                media_type = (link.headers.get("Content-Type") or "").partition(";")[0].strip()
                is_accepted = link.status == 200 and media_type == "application/x-ndjson"
            if link.status and not is_accepted:
                refusal += piece
                if link.is_complete or link.is_broken or len(refusal) >= _REFUSAL_BYTES:
                    return self._refused(link, refusal)
                continue
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
            yield None
            if link.is_broken:
                return self._trouble(link.problem)
            if link.is_complete:
                return

    def _refused(self, link: _Link, body: bytes) -> None:
        words = _shown_error(body)
        what = f"HTTP {link.status}: {words}"
        if link.status in _PASSING_STATUSES:
            return self._trouble(what, _seconds(link.headers.get("Retry-After")))
        if link.status == 200:
            kind = (link.headers.get("Content-Type") or "").strip() or "no type"
            raise _BatchRefused(f"{self.transport.url.authority} is no pyexec service: it answered with {kind}")
        error = ERRORS.get(link.headers.get("Pyexec-Outcome") or "", UnexpectedAnswer)(words, status=link.status)
        raise _BatchRefused(f"the service refused the jobs: {what}", error)

    def _take_answer(self, line: bytes) -> bool:
        """False: the service talks nonsense."""
        try:
            answer = _read_answer_line(line)
        except ValueError:
            return False
        if answer is None:
            return True
        with self.changed:
            place = self.ledger.out.get(answer.place)
            size = len(self.ledger.jobs[place]) if place is not None else 0
            place, is_reported = self.ledger.settle(answer.place, answer.outcome)
        if place is None:
            return False
        if not is_reported:
            self._trouble(f"{answer.outcome}: {answer.body.get('error')}", is_told=False)  # busy jobs are many
            self._prepare(answer.outcome)
            return True
        self.patience.progressed()
        self.told = self.trouble = ""
        self.sink.take(place, line, answer, size)
        return True


class _Results(_Sink):
    """Holds answers for whoever iterates over a map."""

    MOST_BYTES = 64 * MIB

    def __init__(self, is_ordered: bool):
        self.is_ordered, self.changed = is_ordered, threading.Condition()
        self.answers: Dict[int, Union[bytes, AnswerLost]] = {}  # by place
        self.bytes, self.next_place = 0, 0
        self.is_over = False
        self.problem: Optional[BaseException] = None

    def take(self, place: int, line: bytes, answer: _AnswerLine, size: int) -> None:
        with self.changed:
            self.answers[place] = line
            self.bytes += len(line)
            self.changed.notify_all()

    def lose(self, place: int, error: AnswerLost) -> None:
        with self.changed:
            self.answers[place] = error
            self.changed.notify_all()

    def held(self) -> int:
        return len(self.answers)

    def is_full(self) -> bool:
        # In order, the answer that is waited for has to be read whatever comes before it.
        return self.bytes > self.MOST_BYTES and (not self.is_ordered or self.next_place in self.answers)

    def end(self, problem: Optional[BaseException]) -> None:
        with self.changed:
            self.is_over, self.problem = True, problem
            self.changed.notify_all()

    def get(self) -> Optional[Tuple[int, Union[bytes, AnswerLost]]]:
        """The next place and its line, or why there is none. None: that was the last."""
        with self.changed:
            while True:
                place = self.next_place if self.is_ordered else next(iter(self.answers), -1)
                if place in self.answers:
                    line = self.answers.pop(place)
                    self.bytes -= len(line) if isinstance(line, bytes) else 0
                    self.next_place = place + 1
                    return place, line
                if self.is_over:
                    if self.problem is not None:
                        raise self.problem
                    return None
                self.changed.wait()


# ----------------------------------------------------------------------------------------------------------------------
# The client
# ----------------------------------------------------------------------------------------------------------------------


def _above_0(seconds: Any, name: str) -> float:
    """Raises ValueError."""
    is_number = isinstance(seconds, numbers.Real) and not isinstance(seconds, bool)
    if not (is_number and 0 < seconds < _ENDLESS_SECONDS):
        raise ValueError(f"{name} is a number of seconds above 0, not {seconds!r}")
    return float(seconds)


class _Jobs:
    """What runs jobs: a client, a session, a template. Each adds fields of its own to every job."""

    _client: Client

    def _target(self) -> str:
        return "/execute"

    def _own_fields(self) -> Dict[str, Any]:
        return {}

    def _own_headers(self) -> Dict[str, str]:
        return {}

    def _is_open(self) -> bool:
        """Whether a script finds names that others have defined."""
        return False

    def _again(self, error: Error) -> bool:
        """Whether what the error says was mended, so that the request is to be sent again."""
        return False

    def run(self, /, script: Script, *args: Any, kwargs: Optional[Mapping[str, Any]] = None,
            files: Optional[FilesToSend] = None, return_files: Union[str, Sequence[str], None] = None,
            timeout: Optional[float] = None, memory_mb: Optional[int] = None, output_bytes: Optional[int] = None,
            stdin: Optional[str] = None, env: Optional[Mapping[str, str]] = None, tools: Optional[Tools] = None,
            needs: Sequence[Callable[..., Any]] = (), **fields: Any) -> Answer:
        """Runs a script and returns its Answer: `result` is what its main() returned.

        script: the text of a script that defines main(); a pathlib.Path of one; or a function, which is sent as its
        source. A function has to import what it uses inside itself, and cannot use globals, the variables of a function
        around it, or a decorator. Functions that it calls are listed in `needs`. What does not fit is a TypeError
        before anything is sent.

        args, kwargs: arguments of main(), as JSON. A script takes one of both, a function takes both.
        files: {name: str, bytes or path} or a list of paths; they are in the working directory. return_files: patterns
        as "*.png" and "out/**"; what matches is in `Answer.files`. timeout: seconds. memory_mb: MiB of each process.
        stdin: text. env: variables that the service allows.
        tools: functions here that the script may call, by name, or a list. Calls of one moment run in threads at once.
        What one raises is a ToolError in the script. The time of calls does not count.
        fields: any other field of the API, as verbose=True, nan="null", displays=True, dataframe="split".

        Raises an Error: `ScriptError` if the script raised, `TimeLimit`, `Busy`, `Unreachable`, and others.
        """
        known = _Tools(tools)
        body = self._body(known, files=files, return_files=return_files, timeout=timeout, memory_mb=memory_mb,
                          output_bytes=output_bytes, stdin=stdin, env=env, **fields)
        body["script"] = _script_of(script, needs, known.functions, self._is_open())
        body["args"] = _call_arguments(script, args, kwargs)
        return self._execute(body, known)

    def code(self, /, code: str, *, files: Optional[FilesToSend] = None,
             return_files: Union[str, Sequence[str], None] = None, timeout: Optional[float] = None,
             memory_mb: Optional[int] = None, output_bytes: Optional[int] = None, stdin: Optional[str] = None,
             env: Optional[Mapping[str, str]] = None, tools: Optional[Tools] = None, **fields: Any) -> Answer:
        """Runs a notebook's cell: `result` is the value of its last expression, `repr` its text. Otherwise as `run`."""
        known = _Tools(tools)
        body = self._body(known, files=files, return_files=return_files, timeout=timeout, memory_mb=memory_mb,
                          output_bytes=output_bytes, stdin=stdin, env=env, **fields)
        return self._execute({**body, "code": code}, known)

    def stream(self, script: Optional[Script] = None, *args: Any, code: Optional[str] = None,
               kwargs: Optional[Mapping[str, Any]] = None, files: Optional[FilesToSend] = None,
               return_files: Union[str, Sequence[str], None] = None, timeout: Optional[float] = None,
               tools: Optional[Tools] = None, needs: Sequence[Callable[..., Any]] = (), **fields: Any) -> Stream:
        """Runs a script, or a cell (`code`), and returns its Stream: an iterator of events, as they come.

            with client.stream(script) as stream:
                for event in stream:
                    print(event.text, end="")
                answer = stream.answer()        # raises, if the job failed

        Closing the stream kills the job. Arguments as for `run`. Raises what a request is refused with.
        """
        known = _Tools(tools)
        body = self._body(known, files=files, return_files=return_files, timeout=timeout, **fields)
        if (script is None) == (code is None):
            raise TypeError("stream takes a script or code")
        if code is not None:
            body["code"] = code
        elif script is not None:
            body["script"] = _script_of(script, needs, known.functions, self._is_open())
            body["args"] = _call_arguments(script, args, kwargs)
        return self._client._stream(self._target(), body, known, self)

    def _call(self, name: str, args: Sequence[Any], kwargs: Optional[Mapping[str, Any]], tools: Optional[Tools],
              **rest: Any) -> Answer:
        known = _Tools(tools)
        return self._execute({**self._body(known, **rest), "call": name, "args": _call_arguments(name, args, kwargs)},
                             known)

    def _body(self, tools: _Tools, /, *, files: Optional[FilesToSend] = None,
              return_files: Union[str, Sequence[str], None] = None, timeout: Optional[float] = None,
              **fields: Any) -> Dict[str, Any]:
        timeout = self._client.timeout if timeout is None else timeout
        if "args" in fields:
            raise TypeError("arguments of main() follow the script: run(script, 1, 2), or kwargs={...}")
        if fields.get("tools") is not None:
            raise TypeError("a job with tools needs its caller: use run")
        body = {**self._own_fields(), "files": _files_of(files), "tools": tools.field,
                "return_files": [return_files] if isinstance(return_files, str) else return_files,
                "timeout_ms": None if timeout is None else max(1, round(_above_0(timeout, "timeout") * 1000)), **fields}
        return {name: value for name, value in body.items() if value is not None}

    def _execute(self, body: Dict[str, Any], tools: _Tools) -> Answer:
        return self._client._run_job(self._target(), {k: v for k, v in body.items() if v is not None}, tools, self)


class Client(_Jobs):
    """A pyexec service. Threads may share a client; it keeps connections open between requests.

    url: http://HOST:PORT or https://HOST[/PREFIX]; defaults to PYEXEC_URL, else http://127.0.0.1:8080. key: the API
    key; defaults to PYEXEC_KEY. timeout: seconds that a job gets unless its call says otherwise; None: the service's
    limit. patience: seconds for which a request is sent again that was refused as busy or rate limited, or found nobody
    who listens where a service had been; 0: never. A request that may have run a script is never sent again, except by
    `map` with retry_lost. ssl_context: for https; the default trusts the system's CAs, or those of SSL_CERT_FILE.
    """

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None, *, timeout: Optional[float] = None,
                 patience: float = 30.0, ssl_context: Optional[ssl.SSLContext] = None):
        self._client = self
        self.timeout, self.patience = timeout, patience
        key = os.environ.get("PYEXEC_KEY", "") if key is None else _text(key, "the key")
        if url is not None:
            _text(url, "the address")
        self.url = str(_parse_url(url or os.environ.get("PYEXEC_URL") or DEFAULT_URL))
        self._transport = _Transport(_parse_url(self.url), _checked_key(key, "the key"), ssl_context)

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Closes connections that are kept. The client can be used again."""
        self._transport.close()

    # Many jobs --------------------------------------------------------------------------------------------------------

    def map(self, script: Script, items: Iterable[Any], *, ordered: bool = True, unpack: bool = False,
            on_error: str = "raise", window: int = _WINDOW, patience: float = 300.0, retry_lost: bool = False,
            files: Optional[FilesToSend] = None, return_files: Union[str, Sequence[str], None] = None,
            timeout: Optional[float] = None, needs: Sequence[Callable[..., Any]] = (),
            **fields: Any) -> Iterator[Answer]:
        """Runs main(item) for each item, many at once, and yields their Answers. `Answer.index` is the item's place.

        ordered: in the order of the items, or as they end. unpack: an item is a list of arguments, or a dict of them by
        name. on_error: "raise" ends the map with the first Error, "return" yields the Error in the place of the Answer.
        items may have any length: at most `window` of them are under way or not yet yielded. They are read in a thread.

        Nothing is sent before the first Answer is asked for.

        Jobs that are busy or rate limited are sent again: they did not run. Those that were sent and have no answer
        when the connection breaks end with AnswerLost, since they may have run; those not yet sent go on over a new
        connection. retry_lost: send the former again too, and, up to three times, those that end as `internal`: main()
        may run twice for one item, but yields once.

        patience: seconds without any answer after which GaveUp is raised. Closing the iterator kills the jobs that run.
        """
        return self._map(self, script, items, ordered=ordered, unpack=unpack, on_error=on_error, window=window,
                         patience=patience, retry_lost=retry_lost, files=files, return_files=return_files,
                         timeout=timeout, needs=needs, **fields)

    def _map(self, owner: _Jobs, script: Script, items: Iterable[Any], *, ordered: bool, unpack: bool, on_error: str,
             window: int, patience: float, retry_lost: bool, needs: Sequence[Callable[..., Any]],
             call: Optional[str] = None, **fields: Any) -> Iterator[Answer]:
        if on_error not in ("raise", "return"):
            raise ValueError(f"on_error is 'raise' or 'return', not {on_error!r}")
        if window < 1:
            raise ValueError("window is at least 1")
        source = iter(items)
        defaults: Dict[str, Any] = {"defaults": True, **owner._body(_Tools(None), **fields)}
        if call is not None:
            defaults["call"] = call
        else:
            defaults["script"] = _script_of(script, needs, (), owner._is_open())

        def first() -> bytes:
            return _dump({**defaults, **owner._own_fields()}) + b"\n"

        def feed() -> Iterator[Tuple[Optional[int], bytes]]:
            yield None, first()
            for place, item in enumerate(source):
                args = (item if isinstance(item, Mapping) else list(item)) if unpack else [item]
                yield place, _dump({"args": args}, f"item {place}") + b"\n"

        def prepare() -> bytes:
            owner._again(UnknownTemplate(""))
            return first()

        first()  # raises here and now for what cannot be sent
        can_prepare = isinstance(owner, Template) and owner.setup is not None
        return self._answers_of(_Results(ordered), on_error == "raise", lambda sink: _Batch(
            self._transport, feed(), sink, window=window, patience=patience, retry_lost=retry_lost,
            prepare=prepare if can_prepare else None))

    @staticmethod
    def _answers_of(sink: _Results, is_raised: bool, make: Callable[[_Sink], _Batch]) -> Iterator[Any]:
        batch = make(sink)

        def run() -> None:
            problem: Optional[BaseException] = None
            try:
                batch.run()
            except _BatchRefused as refused:
                problem = refused.error
            except BaseException as error:
                problem = error
            sink.end(problem)

        def stop() -> None:
            batch.stop()
            sink.end(_Cancelled())

        context, process = contextvars.copy_context(), os.getpid()
        thread = threading.Thread(target=context.run, args=(run,), daemon=True, name="pyexec-batch")
        thread.start()
        try:
            while True:
                with _closing(stop):
                    got = sink.get()
                if got is None:
                    return
                batch.released()
                value = _value_of(*got)
                if is_raised and isinstance(value, Error):
                    raise value
                yield value
        finally:
            if process == os.getpid():  # in a fork there is no such thread, and its locks may be taken for good
                batch.stop()
                thread.join()
            batch.close()

    def submit(self, script: Script, *args: Any, kwargs: Optional[Mapping[str, Any]] = None,
               files: Optional[FilesToSend] = None, return_files: Union[str, Sequence[str], None] = None,
               timeout: Optional[float] = None, needs: Sequence[Callable[..., Any]] = (), **fields: Any) -> Job:
        """Hands in a script that runs on its own, and returns its Job at once. Arguments as for `run`, but no tools."""
        body = self._body(_Tools(None), files=files, return_files=return_files, timeout=timeout, **fields)
        body.update(script=_script_of(script, needs), args=_call_arguments(script, args, kwargs))
        reply = self._reply("POST", "/execute", {k: v for k, v in body.items() if v is not None},
                            {"Prefer": "respond-async"}, wait=self._wait_for(body))
        if reply.status != 202:
            raise UnexpectedAnswer("the service does not take jobs that run on their own", status=reply.status)
        return Job(self, str(reply.member("job")))

    def job(self, name: str) -> Job:
        """A Job that was handed in before, by its name."""
        return Job(self, _text(name, "the name of a job"))

    # Sessions and templates -------------------------------------------------------------------------------------------

    def session(self, code: Optional[str] = None, *, template: Union[Template, str, None] = None,
                files: Optional[FilesToSend] = None, env: Optional[Mapping[str, str]] = None,
                timeout: Optional[float] = None, memory_mb: Optional[int] = None, idle: Optional[float] = None,
                **fields: Any) -> Session:
        """Opens a Session: names, imports and files are kept from one cell to the next. Use it in a `with`, which ends
        it.

        code: a set-up. template: what the session begins with. idle: seconds without use after which it ends by itself.
        timeout, memory_mb: of the set-up; the memory bounds all cells.
        """
        if idle is not None and not isinstance(idle, numbers.Real):
            raise TypeError(f"idle is a number of seconds, not {type(idle).__name__}")
        body = self._body(_Tools(None), files=files, timeout=timeout, code=code, env=env, memory_mb=memory_mb,
                          idle_s=None if idle is None else max(1, round(_above_0(idle, "idle"))), **fields)
        owner = template if isinstance(template, Template) else Template(self, template, None) if template else self
        reply = self._reply("POST", "/sessions", lambda: {**body, **owner._own_fields()}, wait=self._wait_for(body),
                            again=owner._again)
        return Session(self, {"session": reply.member("session"), **reply.object()}, reply.cookie)

    def attach(self, session: str) -> Session:
        """A Session that is open already, by its name."""
        return Session(self, {"session": _text(session, "the name of a session")}, {})

    def sessions(self) -> List[Dict[str, Any]]:
        """The open sessions of this key or, without keys, of this address."""
        return list(self._reply("GET", "/sessions").member("sessions"))

    def template(self, code: Union[str, os.PathLike[str]], *, files: Optional[FilesToSend] = None,
                 env: Optional[Mapping[str, str]] = None, timeout: Optional[float] = None,
                 memory_mb: Optional[int] = None, **fields: Any) -> Template:
        """Prepares a Template: runs `code` once; each of its jobs begins in a fork of what that has left.

        code: text, or a pathlib.Path of a file. The object keeps the set-up, and sends it again when the service has
        dropped it.
        """
        text = code if isinstance(code, str) else Path(code).read_text(encoding="utf-8-sig")
        made = Template(self, "", self._body(_Tools(None), files=files, timeout=timeout, code=text, env=env,
                                             memory_mb=memory_mb, **fields))
        made._prepare()
        return made

    def templates(self) -> List[Dict[str, Any]]:
        """The templates of this key or, without keys, of this address."""
        return list(self._reply("GET", "/templates").member("templates"))

    def use_template(self, name: str) -> Template:
        """A Template by its name, "sha256:...", whose set-up somebody else has sent."""
        return Template(self, _text(name, "the name of a template"), None)

    # Scripts of the operator's ----------------------------------------------------------------------------------------

    def tools(self) -> List[Dict[str, Any]]:
        """The operator's scripts that can be called, with the JSON Schema of their arguments."""
        return list(self._reply("GET", "/tools").member("tools"))

    def call_tool(self, tool: str, /, **arguments: Any) -> Answer:
        """Calls one of the operator's scripts."""
        return self._answer(self._reply("POST", f"/tools/{_quoted(tool)}", arguments, wait=_LONGEST_SECONDS))

    def mcp(self, message: Mapping[str, Any], headers: Mapping[str, str] = {}) -> Any:
        """Sends a message of the Model Context Protocol and returns the message that answers it, None for a
        notification.

        A client of that protocol does more. Errors of the protocol are in the message.
        """
        reply = self._reply("POST", "/mcp", message, {"Accept": "application/json, text/event-stream", **headers},
                            wait=_LONGEST_SECONDS, is_raised=lambda reply: _message_of(reply) is None)
        if reply.body.strip() and _message_of(reply) is None:
            raise self._no_pyexec(reply)
        return _message_of(reply)

    # The service ------------------------------------------------------------------------------------------------------

    def health(self) -> Dict[str, Any]:
        """Isolation level, features, pool and versions. `status` is "healthy", or why it is not."""
        return self._reply("GET", "/health", is_raised=False).object()

    def healthz(self) -> bool:
        """Whether the service lives."""
        return self._reply("GET", "/healthz", is_raised=False).status == 200

    def metrics(self) -> str:
        """Metrics, as text for Prometheus."""
        return self._reply("GET", "/metrics").body.decode()

    def openapi(self) -> Dict[str, Any]:
        """The OpenAPI document."""
        return self._reply("GET", "/openapi.json").object()

    def packages(self) -> Dict[str, Any]:
        """What scripts can import: `python`, a version, and `packages` with their versions."""
        reply = self._reply("GET", "/packages")
        packages = reply.object()
        if not isinstance(packages.get("packages"), list) or "python" not in packages:
            raise self._no_pyexec(reply)
        return packages

    def page(self) -> str:
        """The page for people, as HTML."""
        return self._reply("GET", "/").body.decode()

    # What the methods above are made of -------------------------------------------------------------------------------

    def _wait_for(self, body: Mapping[str, Any]) -> float:
        """How long the answer to a job may take, in seconds."""
        milliseconds = body.get("timeout_ms")
        seconds = _LONGEST_SECONDS if milliseconds is None else float(milliseconds) / 1000 + _MARGIN_SECONDS
        return min(seconds, _LONGEST_WAIT)

    def _reply(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}, *, wait: float = 60.0,
               again: Optional[Callable[[Error], bool]] = None,
               is_raised: Union[bool, Callable[[_Reply], bool]] = True) -> _Reply:
        """Sends a request until it is taken, or patience is over. Raises the Error that the answer is."""
        kind = {} if body is None else {"Content-Type": "application/octet-stream" if isinstance(body, bytes)
                                        else "application/json"}

        def send() -> _Reply:
            now = body() if callable(body) else body  # a template may have another name by now
            content = now if now is None or isinstance(now, bytes) else _dump(now)
            reply = self._transport.request(method, path, content, {**kind, **headers}, wait)
            return self._checked(reply, is_raised(reply) if callable(is_raised) else is_raised)

        return self._patiently(send, again)

    def _patiently(self, send: Callable[[], T], again: Optional[Callable[[Error], bool]] = None) -> T:
        patience, was_connected = _Patience(self.patience), self._transport.was_connected
        while True:
            try:
                return send()
            except (TryAgain, Unreachable) as error:
                if isinstance(error, Unreachable) and not was_connected:
                    raise
                now = time.monotonic()
                next_try = patience.failed(now, error.retry_after)
                if next_try is None:
                    raise
                _sleep(next_try - now)
            except Error as error:
                if again is None or not again(error):
                    raise
                again = None

    @staticmethod
    def _checked(reply: _Reply, is_raised: bool = True) -> _Reply:
        if not is_raised or (200 <= reply.status < 300 and (reply.outcome or "ok") in GOOD_OUTCOMES):
            return reply
        if reply.outcome in GOOD_OUTCOMES or (not reply.outcome and reply.status not in (401, 405, 429, 500)):
            words = _shown_error(reply.body)
            if reply.headers.get("Location") and 300 <= reply.status < 400:
                words = f"it redirects to {reply.headers['Location']}: give that address, if you trust it"
            raise UnexpectedAnswer(f"HTTP {reply.status}: {words}", status=reply.status)
        raise _error_of(reply.outcome, reply.object(), reply)

    def _answer(self, reply: _Reply) -> Answer:
        body = reply.object()
        if not reply.outcome and "stdout" not in body:
            raise self._no_pyexec(reply)
        return Answer(body, outcome=reply.outcome or "ok")

    def _no_pyexec(self, reply: _Reply) -> UnexpectedAnswer:
        return UnexpectedAnswer(f"what answers is no pyexec: {self.url} sent {_shown_error(reply.body)!r}",
                                status=reply.status)

    def _run_job(self, path: str, body: Dict[str, Any], tools: _Tools, owner: _Jobs) -> Answer:
        wait = self._wait_for(body)
        reply = self._reply("POST", path, lambda: {**body, **owner._own_fields()}, owner._own_headers(), wait=wait,
                            again=owner._again)
        headers = {**owner._own_headers(), **reply.cookie}  # the job lives in this instance
        while reply.outcome == "calls":
            token, calls = reply.member("continue"), reply.member("calls")
            reply = self._continue(token, tools.answers(calls), headers, wait)
        return self._answer(reply)

    def _continue(self, token: str, results: List[Dict[str, Any]], headers: Mapping[str, str],
                  wait: float = _LONGEST_SECONDS) -> _Reply:
        """Answers calls of a job. Results that the service does not take are errors in the script."""
        def send(entries: List[Dict[str, Any]]) -> _Reply:
            return self._reply("POST", "/execute/continue", {"continue": token, "results": entries}, headers, wait=wait)

        try:
            try:
                return send(results)
            except InvalidRequest as error:
                why = "the result is too large" if error.status == 413 else "the service does not take the result"
                return send([{"id": one["id"], "error": f"{why}: {error.message}"} for one in results])
        except Error as error:
            error.was_run = True  # the job has begun
            raise

    def _stream(self, path: str, body: Dict[str, Any], tools: _Tools, owner: _Jobs) -> Stream:
        headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson", **owner._own_headers()}

        def open_it() -> Stream:
            now = {**body, **owner._own_fields()}
            content = _dump({name: value for name, value in now.items() if value is not None})
            opened = self._transport.begin("POST", path, content, headers, self._wait_for(body))
            connection, response = opened
            head = _Reply(response.status, response.headers, b"")
            if response.status == 200 and "ndjson" in (response.headers.get("Content-Type") or ""):
                return Stream(owner, opened, tools, {**owner._own_headers(), **head.cookie})
            try:
                head.body = response.read()
            except (OSError, http.client.HTTPException) as problem:
                raise self._transport.lost(problem) from problem
            finally:
                connection.close()
            self._checked(head)
            raise UnexpectedAnswer("the service did not answer with a stream", status=head.status)

        return self._patiently(open_it, owner._again)


def _value_of(place: int, line: Union[bytes, AnswerLost]) -> Union[Answer, Error]:
    """What `map` yields or raises for an item."""
    if isinstance(line, AnswerLost):
        line.index = place
        return line
    try:
        body = _parse(line)
    except ValueError as problem:
        return UnexpectedAnswer(str(problem), index=place)
    body["index"] = place
    return Answer(body) if body["outcome"] == "ok" else _error_of(body["outcome"], body, index=place)


def _message_of(reply: _Reply) -> Any:
    """What MCP answers with. None for what is no message of it."""
    events = re.findall(rb"^data: ?(.*)$", reply.body, re.M)
    try:
        message = _parse(reply.body if reply.body[:1] in (b"{", b"[") else events[-1] if events else b"null")
    except ValueError:
        return None
    is_message = isinstance(message, list) or (isinstance(message, dict) and "jsonrpc" in message)
    return message if is_message else None


def _quoted(name: str) -> str:
    return urllib.parse.quote(_text(name, "a name"), safe="")


class Session(_Jobs):
    """State that is kept from one cell to the next. Leaving its `with` ends it.

    id: its name. expires_at: when it ends unless it is used. head: the cell on whose state the next one runs. opened:
    what the set-up has answered.
    """

    def __init__(self, client: Client, opened: Dict[str, Any], cookie: Dict[str, str]):
        self._client, self._cookie = client, cookie
        self.id, self.opened = str(opened["session"]), opened
        self.expires_at: Optional[str] = opened.get("expires_at")
        self.head = 0

    def __repr__(self) -> str:
        return f"Session({self.id!r})"

    def _path(self) -> str:
        return f"/sessions/{_quoted(self.id)}"

    def _target(self) -> str:
        return f"{self._path()}/execute"

    def _own_headers(self) -> Dict[str, str]:
        return {**self._cookie, "Pyexec-Session": self.id}

    def _is_open(self) -> bool:
        return True

    def _execute(self, body: Dict[str, Any], tools: _Tools) -> Answer:
        try:
            answer = super()._execute(body, tools)
        except Error as error:
            if error.answer is not None and error.answer.head is not None:
                self.head = error.answer.head
            raise
        self.head = answer.head if answer.head is not None else self.head
        return answer

    def code(self, /, code: str, *, at: Optional[int] = None, files: Optional[FilesToSend] = None,
             return_files: Union[str, Sequence[str], None] = None, timeout: Optional[float] = None,
             memory_mb: Optional[int] = None, output_bytes: Optional[int] = None, stdin: Optional[str] = None,
             env: Optional[Mapping[str, str]] = None, tools: Optional[Tools] = None, **fields: Any) -> Answer:
        """Runs a cell on the newest state or, with `at`, on the state after that cell: 0 is the set-up. As
        `Client.code`."""
        return super().code(code, files=files, return_files=return_files, timeout=timeout, memory_mb=memory_mb,
                            output_bytes=output_bytes, stdin=stdin, env=env, tools=tools, at=at, **fields)

    def call(self, /, name: str, *args: Any, kwargs: Optional[Mapping[str, Any]] = None, at: Optional[int] = None,
             timeout: Optional[float] = None, tools: Optional[Tools] = None, **fields: Any) -> Answer:
        """Calls a function that an earlier cell has defined."""
        return self._call(name, args, kwargs, tools, timeout=timeout, at=at, **fields)

    def put(self, name: str, content: Content) -> None:
        """Writes a file of the session."""
        data = _content_of(content)
        self._client._reply("PUT", self._file(name), _utf8(data, "the file") if isinstance(data, str) else data,
                            self._own_headers())

    def get(self, name: str) -> bytes:
        """Reads a file of the session. Raises NotFound."""
        return self._client._reply("GET", self._file(name), None, self._own_headers()).body

    def _file(self, name: str) -> str:
        return f"{self._path()}/files/{urllib.parse.quote(_utf8(_text(name, 'the name of a file'), 'the name'))}"

    def info(self) -> Dict[str, Any]:
        """The session and its cells, as GET /sessions/{session} has them."""
        info = self._client._reply("GET", self._path(), None, self._own_headers()).object()
        self.head, self.expires_at = info.get("head", self.head), info.get("expires_at")
        return info

    def close(self) -> None:
        """Ends the session, and every process of it. Does nothing if it has ended."""
        with contextlib.suppress(Gone, NotFound):
            self._client._reply("DELETE", self._path(), None, self._own_headers())

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        if kind is None:
            return self.close()
        with contextlib.suppress(Error):  # the problem that there is says more
            self.close()


class Template(_Jobs):
    """A set-up that has run once. Each job begins in a fork of what it has left.

    name: "sha256:...". stdout: what the set-up printed when it ran. setup: what is sent again when the service has
    dropped it.
    """

    def __init__(self, client: Client, name: str, setup: Optional[Dict[str, Any]]):
        self._client, self.name, self.setup, self.stdout = client, name, setup, ""

    def __repr__(self) -> str:
        return f"Template({self.name!r})"

    def _own_fields(self) -> Dict[str, Any]:
        return {"template": self.name}

    def _is_open(self) -> bool:
        return True

    def _prepare(self) -> None:
        assert self.setup is not None
        made = self._client._reply("PUT", "/templates", self.setup, wait=self._client._wait_for(self.setup))
        self.name, self.stdout = made.member("template"), made.object().get("stdout") or self.stdout

    def _again(self, error: Error) -> bool:
        if not isinstance(error, UnknownTemplate) or self.setup is None:
            return False
        self._prepare()
        return True

    def call(self, /, name: str, *args: Any, kwargs: Optional[Mapping[str, Any]] = None,
             timeout: Optional[float] = None, tools: Optional[Tools] = None, **fields: Any) -> Answer:
        """Calls a function that the set-up has defined."""
        return self._call(name, args, kwargs, tools, timeout=timeout, **fields)

    def map(self, script: Script, items: Iterable[Any], *, ordered: bool = True, unpack: bool = False,
            on_error: str = "raise", window: int = _WINDOW, patience: float = 300.0, retry_lost: bool = False,
            files: Optional[FilesToSend] = None, return_files: Union[str, Sequence[str], None] = None,
            timeout: Optional[float] = None, needs: Sequence[Callable[..., Any]] = (),
            **fields: Any) -> Iterator[Answer]:
        """As `Client.map`. The script may also be the name of a function that the set-up has defined."""
        is_name = isinstance(script, str) and script.isidentifier()
        return self._client._map(self, script, items, ordered=ordered, unpack=unpack, on_error=on_error,
                                 window=window, patience=patience, retry_lost=retry_lost, files=files,
                                 return_files=return_files, timeout=timeout, needs=needs,
                                 call=str(script) if is_name else None, **fields)

    def delete(self) -> None:
        """Ends the template. Jobs that run finish. Does nothing if it has ended."""
        with contextlib.suppress(NotFound):
            self._client._reply("DELETE", f"/templates/{urllib.parse.quote(self.name, safe=':')}")


class Job:
    """A job that was handed in with `submit` and runs on its own. id: its name, for `Client.job`."""

    LONGEST_WAIT = 60  # seconds of one request

    def __init__(self, client: Client, name: str):
        self._client, self.id = client, name

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def _ask(self, seconds: float) -> _Reply:
        prefer = {"Prefer": f"wait={math.ceil(seconds)}"} if seconds > 0 else {}
        path, wait = f"/jobs/{_quoted(self.id)}", seconds + _MARGIN_SECONDS

        def send() -> _Reply:
            reply = self._client._transport.request("GET", path, None, prefer, wait)
            # Of this request. A job that ended as busy has that answer for good.
            return self._client._checked(reply, is_raised=reply.outcome == RateLimited.outcome)

        return self._client._patiently(send)

    def is_ended(self) -> bool:
        """Whether it has ended. Raises NotFound and Gone for a job that was dropped."""
        return self.wait(0)

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits until the job has ended, at most so many seconds. Returns whether it has. Raises NotFound and Gone for
        a job that was dropped."""
        reply = self._end(timeout)
        if reply is not None and reply.status in (401, 404, 410, 421):
            self._client._checked(reply)
        return reply is not None

    def _end(self, timeout: Optional[float]) -> Optional[_Reply]:
        """Returns the answer that the job has ended with; None after so many seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = self.LONGEST_WAIT if end is None else min(self.LONGEST_WAIT, end - time.monotonic())
            reply = self._ask(max(left, 0))
            if reply.status in (502, 503, 504):  # of something in between: the job goes on
                self._client._checked(reply)
            if reply.status != 202:
                return reply
            if end is not None and time.monotonic() >= end:
                return None

    def result(self, timeout: Optional[float] = None) -> Answer:
        """Waits for the end and returns the Answer, or raises the job's Error. Raises TimeoutError after so many
        seconds."""
        reply = self._end(timeout)
        if reply is None:
            raise TimeoutError(f"the job {self.id} has not ended within {timeout} s; it goes on")
        return self._client._answer(self._client._checked(reply))

    def cancel(self) -> None:
        """Kills the job if it runs, and forgets its answer. Does nothing if it is forgotten already."""
        with contextlib.suppress(NotFound, Gone):
            self._client._reply("DELETE", f"/jobs/{_quoted(self.id)}")


# ----------------------------------------------------------------------------------------------------------------------
# The same for asyncio
# ----------------------------------------------------------------------------------------------------------------------
#
# A coroutine has the method of the same name run in a thread. Cancelling the coroutine closes the thread's connection,
# which kills the job. So there is one implementation of the API, and signatures are the same.

_END = object()


class _Twin:
    """Has methods of a synchronous object run in the threads of an AsyncClient."""

    _sync: Any
    _client: AsyncClient

    async def _do(self, work: Callable[[], T]) -> T:
        loop, cancellation = asyncio.get_running_loop(), _Cancellation()

        def run() -> T:
            _Cancellation.current.set(cancellation)
            _loop_of_caller.set(loop)
            if cancellation.event.is_set():
                raise _Cancelled()
            return work()

        context = contextvars.copy_context()
        future: asyncio.Future[T] = loop.run_in_executor(self._client._executor, lambda: context.run(run))
        try:
            return await future
        except asyncio.CancelledError:
            cancellation.cancel()
            raise

    async def _iterate(self, make: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        iterator = await self._do(make)
        try:
            while True:
                got: Any = await self._do(lambda: next(iterator, _END))
                if got is _END:
                    return
                yield got
        finally:
            def close() -> None:
                with contextlib.suppress(ValueError):  # it is on its way out in another thread
                    iterator.close()  # type: ignore[attr-defined]

            await self._do(close)


if TYPE_CHECKING:

    def _twin(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], Awaitable[T]]: ...

else:

    def _twin(method):
        """A coroutine function that has the method run in a thread."""

        @functools.wraps(method)
        async def twin(self, *args, **kwargs):
            return await self._do(functools.partial(method, self._sync, *args, **kwargs))

        return twin


def _items_of(items: Any) -> Iterable[Any]:
    """Items that another thread can iterate over. They may come from an async iterable."""
    if not hasattr(items, "__aiter__"):
        return items  # type: ignore[no-any-return]
    loop = asyncio.get_running_loop()

    async def one(iterator: AsyncIterator[Any]) -> Any:
        try:
            return await iterator.__anext__()
        except StopAsyncIteration:
            return _END

    def pull() -> Iterator[Any]:
        iterator = items.__aiter__()
        while True:
            item = asyncio.run_coroutine_threadsafe(one(iterator), loop).result()
            if item is _END:
                return
            yield item

    return pull()


class AsyncStream(_Twin, AsyncIterator[Event]):
    """A Stream for `async for`. The request is sent when the first event is asked for."""

    def __init__(self, client: AsyncClient, make: Callable[[], Stream]):
        self._client, self._make = client, make
        self._stream: Optional[Stream] = None

    async def _opened(self) -> Stream:
        if self._stream is None:
            self._stream = await self._do(self._make)
        return self._stream

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Event:
        stream = await self._opened()
        got: Any = await self._do(lambda: next(stream, _END))
        if got is _END:
            raise StopAsyncIteration
        return got  # type: ignore[no-any-return]

    async def answer(self) -> Answer:
        """Reads to the end. Raises the Error of a job that failed."""
        stream = await self._opened()
        return await self._do(stream.answer)

    async def close(self) -> None:
        """Ends the connection, which kills the job if it still runs."""
        if self._stream is not None:
            self._stream.close()

    async def __aenter__(self) -> AsyncStream:
        await self._opened()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


class _Opening(Generic[T]):
    """What `AsyncClient.session` returns: await it, or use it in an `async with`, which closes at its end."""

    def __init__(self, make: Callable[[], Awaitable[T]]):
        self._make = make

    def __await__(self) -> Any:
        return self._make().__await__()

    async def __aenter__(self) -> T:
        self._opened = await self._make()
        return self._opened

    async def __aexit__(self, *_: Any) -> None:
        with contextlib.suppress(Error):
            await self._opened.close()  # type: ignore[attr-defined]


class AsyncSession(_Twin):
    """A Session whose methods are coroutines."""

    _sync: Session

    def __init__(self, client: AsyncClient, session: Session):
        self._client, self._sync = client, session

    @property
    def id(self) -> str:
        return self._sync.id

    @property
    def head(self) -> int:
        return self._sync.head

    @property
    def opened(self) -> Dict[str, Any]:
        return self._sync.opened

    @property
    def expires_at(self) -> Optional[str]:
        return self._sync.expires_at

    run = _twin(Session.run)
    code = _twin(Session.code)
    call = _twin(Session.call)
    put = _twin(Session.put)
    get = _twin(Session.get)
    info = _twin(Session.info)
    close = _twin(Session.close)

    @functools.wraps(Session.stream)
    def stream(self, *args: Any, **options: Any) -> AsyncStream:
        return AsyncStream(self._client, lambda: self._sync.stream(*args, **options))

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *_: Any) -> None:
        with contextlib.suppress(Error):
            await self.close()


class AsyncTemplate(_Twin):
    """A Template whose methods are coroutines."""

    _sync: Template

    def __init__(self, client: AsyncClient, template: Template):
        self._client, self._sync = client, template

    @property
    def name(self) -> str:
        return self._sync.name

    @property
    def stdout(self) -> str:
        return self._sync.stdout

    run = _twin(Template.run)
    code = _twin(Template.code)
    call = _twin(Template.call)
    delete = _twin(Template.delete)

    @functools.wraps(Template.stream)
    def stream(self, *args: Any, **options: Any) -> AsyncStream:
        return AsyncStream(self._client, lambda: self._sync.stream(*args, **options))

    @functools.wraps(Template.map)
    def map(self, script: Script, items: Any, **options: Any) -> AsyncIterator[Answer]:
        source = _items_of(items)
        return self._iterate(lambda: self._sync.map(script, source, **options))


class AsyncJob(_Twin):
    """A Job whose methods are coroutines."""

    _sync: Job

    def __init__(self, client: AsyncClient, job: Job):
        self._client, self._sync = client, job

    @property
    def id(self) -> str:
        return self._sync.id

    is_ended = _twin(Job.is_ended)
    wait = _twin(Job.wait)
    result = _twin(Job.result)
    cancel = _twin(Job.cancel)


class AsyncClient(_Twin):
    """A Client whose methods are coroutines. Cancelling one kills its job.

    `stream` and `map` are for `async for`; `map` takes async iterables, too. `session` is for `async with`, or is
    awaited. Tools may be coroutine functions: they run in the caller's event loop, several at once. workers: requests
    at the same time; a tool that awaits this client needs one more of them.
    """

    _sync: Client

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None, *, timeout: Optional[float] = None,
                 patience: float = 30.0, ssl_context: Optional[ssl.SSLContext] = None, workers: int = 64):
        self._client = self
        self._sync = Client(url, key, timeout=timeout, patience=patience, ssl_context=ssl_context)
        self._workers = workers
        self._executor = self._new_executor()

    def _new_executor(self) -> concurrent.futures.ThreadPoolExecutor:
        return concurrent.futures.ThreadPoolExecutor(self._workers, thread_name_prefix="pyexec")

    @property
    def url(self) -> str:
        return self._sync.url

    run = _twin(Client.run)
    code = _twin(Client.code)
    sessions = _twin(Client.sessions)
    templates = _twin(Client.templates)
    tools = _twin(Client.tools)
    call_tool = _twin(Client.call_tool)
    mcp = _twin(Client.mcp)
    health = _twin(Client.health)
    healthz = _twin(Client.healthz)
    metrics = _twin(Client.metrics)
    openapi = _twin(Client.openapi)
    packages = _twin(Client.packages)
    page = _twin(Client.page)

    @functools.wraps(Client.stream)
    def stream(self, *args: Any, **options: Any) -> AsyncStream:
        return AsyncStream(self, lambda: self._sync.stream(*args, **options))

    @functools.wraps(Client.map)
    def map(self, script: Script, items: Any, **options: Any) -> AsyncIterator[Answer]:
        source = _items_of(items)
        return self._iterate(lambda: self._sync.map(script, source, **options))

    @functools.wraps(Client.session)
    def session(self, code: Optional[str] = None, *, template: Union[AsyncTemplate, Template, str, None] = None,
                **options: Any) -> _Opening[AsyncSession]:
        known = template._sync if isinstance(template, AsyncTemplate) else template

        async def make() -> AsyncSession:
            return AsyncSession(self, await self._do(lambda: self._sync.session(code, template=known, **options)))

        return _Opening(make)

    @functools.wraps(Client.attach)
    def attach(self, session: str) -> AsyncSession:
        return AsyncSession(self, self._sync.attach(session))

    @functools.wraps(Client.template)
    async def template(self, *args: Any, **options: Any) -> AsyncTemplate:
        return AsyncTemplate(self, await self._do(lambda: self._sync.template(*args, **options)))

    @functools.wraps(Client.use_template)
    def use_template(self, name: str) -> AsyncTemplate:
        return AsyncTemplate(self, self._sync.use_template(name))

    @functools.wraps(Client.submit)
    async def submit(self, *args: Any, **options: Any) -> AsyncJob:
        return AsyncJob(self, await self._do(lambda: self._sync.submit(*args, **options)))

    @functools.wraps(Client.job)
    def job(self, name: str) -> AsyncJob:
        return AsyncJob(self, self._sync.job(name))

    @functools.wraps(Client.close)
    async def close(self) -> None:
        self._sync.close()
        self._executor.shutdown(wait=False)
        self._executor = self._new_executor()  # has no thread before it is used

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


# ----------------------------------------------------------------------------------------------------------------------
# The command
# ----------------------------------------------------------------------------------------------------------------------

_EXIT_OK, _EXIT_FAILED, _EXIT_REFUSED, _EXIT_GAVE_UP, _EXIT_SIGNAL = 0, 1, 2, 3, 128
_SIGPIPE = 13
_EXITS = """Exit codes: 0 ok; 1 a script failed; 2 a mistake in the command line, a file or an output that cannot be
used, or a refusal by the service; 3 the service cannot be reached, or gave no answer in time; 128 + N after signal N.
The API key, if the service wants one, is in PYEXEC_KEY or in the file of --key-file: as a flag, everybody would see
it."""


class _Problem(Exception):
    """Ends the command with exit code 2 and this message."""


class _NoOutput(_Problem):
    """Standard output cannot be written."""


class _Stopped(BaseException):
    """A signal ends the command."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def _open_words(problem: OSError) -> str:
    return problem.strerror or str(problem)


def _key_from(file: Optional[str]) -> str:
    if file is None:
        return _checked_key(os.environ.get("PYEXEC_KEY", ""), "PYEXEC_KEY")
    try:
        key = Path(file).read_bytes().decode("latin-1").rstrip("\r\n")
    except OSError as problem:
        raise _Problem(f"cannot read the key file {file}: {_open_words(problem)}") from None
    if not key:
        raise _Problem(f"the key file {file} is empty")
    return _checked_key(key, file)


def _client_from(options: argparse.Namespace) -> Client:
    return Client(options.url, _key_from(options.key_file), patience=options.patience)


def _json_or_text(text: str) -> Any:
    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return text


def _args_from(words: Sequence[str]) -> Tuple[List[Any], Dict[str, Any]]:
    args: List[Any] = []
    kwargs: Dict[str, Any] = {}
    for word in words:
        named = re.match(r"([^\W\d]\w*)=", word)
        if named:
            if named[1] in kwargs:
                raise _Problem(f"--arg {named[1]}=... is there twice")
            kwargs[named[1]] = _json_or_text(word[named.end():])
        else:
            args.append(_json_or_text(word))
    if args and kwargs:
        raise _Problem("--arg VALUE and --arg NAME=VALUE cannot be mixed: main() takes one of both")
    return args, kwargs


def _files_from(words: Sequence[str]) -> Optional[Dict[str, bytes]]:
    files: Dict[str, bytes] = {}
    for word in words:
        name, is_named, path = word.partition("=")
        if not is_named or os.path.exists(word):
            name, path = os.path.basename(word), word
        if name in files:
            raise _Problem(f"two files are named {name}: give one of them another name, as --file NAME={path}")
        try:
            files[name] = Path(path).read_bytes()
        except OSError as problem:
            raise _Problem(f"cannot read {path}: {_open_words(problem)}") from None
    return files or None


def _env_from(words: Sequence[str]) -> Optional[Dict[str, str]]:
    for word in words:
        if "=" not in word:
            raise _Problem(f"--env takes NAME=VALUE, not {word!r}")
    return {word.partition("=")[0]: word.partition("=")[2] for word in words} or None


def _text_of(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as problem:
        raise _Problem(f"cannot read {'standard input' if name == '-' else name}: {_open_words(problem)}") from None
    except UnicodeDecodeError:
        raise _Problem(f"{name} is no text in UTF-8") from None


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        _drop_output()
        raise _NoOutput(f"cannot write standard output: {_open_words(problem)}") from None


def _drop_output() -> None:
    """What was printed and not written would be tried again at the end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _tell(text: str) -> None:
    """On standard error. If that cannot be written, there is nowhere to say so."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _complain(program: str, text: str) -> None:
    _tell(f"{program}: {text}\n")


@contextlib.contextmanager
def _writing(what: str) -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        raise _Problem(str(problem)) from None
    except OSError as problem:
        raise _Problem(f"cannot write {problem.filename or what}: {_open_words(problem)}") from None


def _save(files: Files, directory: str) -> None:
    with _writing(directory):
        paths = files.save(directory)
    for path in paths:
        _tell(f"saved {path}\n")


class _Printer:
    """Passes on what a job prints as it comes. The results begin on a line of their own."""

    def __init__(self) -> None:
        self.at_line_start = True

    def show(self, event: Event) -> None:
        if event.name == "stdout":
            self.out(event.text)
        elif event.name == "stderr":
            _tell(event.text)

    def out(self, text: str) -> None:
        if text:
            _print(text)
            self.at_line_start = text.endswith("\n")

    def line(self, text: str) -> None:
        if not self.at_line_start:
            _print("\n")
        _print(text + "\n")
        self.at_line_start = True


def _show_outcome(options: argparse.Namespace, answer: Answer, printer: _Printer) -> None:
    if options.verbose:
        shown = {name: answer.body.get(name) for name in ("usage", "limits") if answer.body.get(name)}
        _tell(json.dumps(shown) + "\n")
    if answer.body.get("files"):
        _save(answer.files, options.into)
    is_told = options.command == "run" or answer.repr is not None
    for path in _show(answer.displays, options.into, "pyexec-{}", printer, is_told):
        _tell(f"saved {path}\n")


def _show(displays: Sequence[Display], directory: str, stem: str, printer: _Printer,
          is_told: bool) -> Iterator[Path]:
    """Saves pictures, whose paths it yields, and prints what else was shown. stem: with {} for the picture's number.
    is_told: the value of the job was printed. Its display is the one without a text.
    """
    number = 0
    for display in displays:
        picture = display.picture
        if picture is None:
            if display.text is not None or not is_told:
                printer.line(display.text or f"<{', '.join(display)}>")
            continue
        number += 1
        path = Path(directory) / (stem.format(number) + picture[0])
        with _writing(str(path)):
            _write_file(path, picture[1])
        yield path


def _command_run(options: argparse.Namespace) -> int:
    """`run` and `code`."""
    is_cell = options.command == "code"
    if options.script == "-" and options.stdin == "-":
        raise _Problem("the script and --stdin cannot both be standard input")
    client = _client_from(options)
    fields: Dict[str, Any] = {
        "files": _files_from(options.file), "return_files": options.return_files or None, "timeout": options.timeout,
        "env": _env_from(options.env), "memory_mb": options.memory, "template": options.template,
        "stdin": None if options.stdin is None else _text_of(options.stdin), "verbose": options.verbose or None,
        "displays": options.displays or (False if is_cell else None)}
    if is_cell:
        code = _text_of("-") if options.script == "-" else options.script
        work = functools.partial(client.stream, code=code, **fields)
    else:
        args, kwargs = _args_from(options.arg)
        work = functools.partial(client.stream, _text_of(options.script), *args, kwargs=kwargs, **fields)
    is_live = options.live if options.live is not None else sys.stdout.isatty()
    printer = _Printer()
    try:
        with work() as stream:
            for event in stream:
                if is_live:
                    printer.show(event)
            answer = stream.answer()
    except (JobFailed, InternalError) as error:
        if error.answer is not None:
            if not is_live:
                printer.out(error.stdout)
                _tell(error.answer.stderr or "")
            _show_outcome(options, error.answer, printer)
        raise
    if not is_live:
        printer.out(answer.stdout)
        _tell(answer.stderr or "")
    if not is_cell:
        printer.line(json.dumps(answer.result, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    elif answer.repr is not None:
        printer.line(answer.repr)
    _show_outcome(options, answer, printer)
    return _EXIT_OK


def _command_health(options: argparse.Namespace) -> int:
    health = _client_from(options).health()
    _print(json.dumps(health, indent=2) + "\n")
    return _EXIT_OK if health.get("status") == "healthy" else _EXIT_FAILED


def _command_packages(options: argparse.Namespace) -> int:
    packages = _client_from(options).packages()
    lines = [f"Python {packages['python']}"]
    for one in packages["packages"]:
        imports = ", ".join(name for name in one.get("imports", []) if name != one["name"])
        lines.append(f"{one['name']} {one['version']}" + (f" (import {imports})" if imports else ""))
    _print("\n".join(lines) + "\n")
    return _EXIT_OK


# The command `batch` --------------------------------------------------------------------------------------------------

_MOST_COUNTED_BYTES = 1 << 30
_LARGEST_WINDOW, _MOST_RETRY_SECONDS, _ID_BYTES = 1_000_000, 10_000_000, 256
_MOST_ID_DIGITS = 308
_REDRAW_SECONDS, _RATE_SECONDS, _BAR_CELLS = 0.2, 10.0, 24
_PIPE_BYTES = 512 if not hasattr(select, "PIPE_BUF") else select.PIPE_BUF  # what a pipe that is ready takes
_BUFFERED_BYTES = MIB
_Line = Tuple[int, bytes]  # its number in the file, from 1, and its text without the newline


class _Digits(str):
    """A number as it was written."""


def _object_of_line(line: bytes) -> Optional[Dict[str, Any]]:
    with contextlib.suppress(ValueError, RecursionError):
        body = json.loads(line, parse_int=_Digits, parse_float=_Digits)
        return body if isinstance(body, dict) else None
    return None


def _is_defaults_line(line: bytes) -> bool:
    """Whether this is no job, but what all jobs after it have in common."""
    return (_object_of_line(line) or {}).get("defaults") is True


def _whole_text(number: str) -> Optional[str]:
    """1 for 1.0 and 10e-1, as the service has it. None for what is not whole."""
    with contextlib.suppress(decimal.InvalidOperation):  # of an exponent that is endless
        value = decimal.Decimal(number)
        if value.adjusted() <= _MOST_ID_DIGITS and value == value.to_integral_value():
            return str(int(value))
    return None


def _id_of(job: Mapping[str, Any]) -> Optional[str]:
    """The job's id, so that two are the same text exactly if the service takes them for the same. None for what is no
    id."""
    job_id = job.get("id")
    if not isinstance(job_id, str) or len(job_id.encode("utf-8", "surrogatepass")) > _ID_BYTES:
        return None
    return _whole_text(job_id) if isinstance(job_id, _Digits) else f'"{job_id}"'


def _id_of_line(line: bytes) -> Optional[str]:
    return _id_of(_object_of_line(line) or {})


class _Input:
    """The lines of the input, read as they are wanted. Raises _Problem."""

    def __init__(self, name: Optional[str]):
        self.name = name or "standard input"
        self.is_file = False
        try:
            self.fd = os.dup(0) if name is None else os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            status = os.fstat(self.fd)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(21, os.strerror(21))
        except OSError as problem:
            raise _Problem(f"cannot read {self.name}: {_open_words(problem)}") from None
        self.is_file = name is not None and stat.S_ISREG(status.st_mode)
        self.size = status.st_size

    def _pieces(self, read: Callable[[], bytes]) -> Iterator[Tuple[int, bytes]]:
        rest, number = bytearray(), 0
        while True:
            piece = read()
            first, *others = piece.split(b"\n") if piece else (b"", b"")
            rest += first
            for line in others:
                number += 1
                self._check(rest, number)
                yield number, bytes(rest)
                rest = bytearray(line)
            self._check(rest, number + 1)
            if not piece:
                return

    def _check(self, line: bytearray, number: int) -> None:
        if len(line) > _LARGEST_LINE:
            raise _Problem(f"line {number} of {self.name} is larger than the limit of 64 MiB")

    def lines(self) -> Iterator[_Line]:
        """Without blank ones, which the service does not count."""
        def read() -> bytes:
            try:
                return os.read(self.fd, 64 << 10)
            except OSError as problem:
                raise _Problem(f"cannot read {self.name}: {_open_words(problem)}") from None

        return ((number, line) for number, line in self._pieces(read) if line.strip(b" \t\r\n"))

    def total(self) -> Tuple[Optional[int], Optional[int]]:
        """Jobs and bytes of a file that can be read twice, as far as that is known. Jobs where counting them is
        quick."""
        if not self.is_file:
            return None, None
        if self.size > _MOST_COUNTED_BYTES:
            return None, self.size
        jobs, seen = 0, False
        try:
            with open(os.dup(self.fd), "rb", buffering=0) as file:
                begin = file.tell()
                try:
                    for _, line in self._pieces(lambda: file.read(64 << 10) or b""):
                        if line.strip(b" \t\r\n"):
                            jobs += seen or not _is_defaults_line(line)
                            seen = True
                finally:
                    file.seek(begin)
        except (_Problem, OSError):
            return None, self.size
        return jobs, self.size


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _clock_time(seconds: float) -> str:
    whole = math.ceil(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


class _Progress:
    """How far the jobs are, as text. total: jobs and bytes, as far as they are known."""

    def __init__(self, total: Tuple[Optional[int], Optional[int]], begin: float):
        self.jobs, self.bytes = total
        self.begin = begin
        self.samples: Deque[Tuple[float, int]] = collections.deque([(begin, 0)])  # of the last seconds, and one before
        self.by_outcome: Dict[str, int] = {}
        self.done = self.done_bytes = 0
        self.before = 0  # done by an earlier run, which is no part of the rate

    def count(self, outcome: str, size: int) -> None:
        self.by_outcome[outcome] = self.by_outcome.get(outcome, 0) + 1
        self.done += 1
        self.done_bytes += size

    @property
    def ok(self) -> int:
        return self.by_outcome.get("ok", 0)

    def _rate(self, now: float) -> float:
        while len(self.samples) > 1 and self.samples[1][0] + _RATE_SECONDS <= now:
            self.samples.popleft()
        since, before = self.samples[0]
        done = self.done - self.before
        self.samples.append((now, done))
        return max(done - before, 0) / (now - since) if now > since else 0.0

    def bar(self, now: float) -> str:
        per_second = self._rate(now)
        share: Optional[float] = None
        left = 0.0  # jobs
        if self.jobs is not None:
            share = self.done / self.jobs if self.jobs else 1.0
            left = self.jobs - self.done
        elif self.bytes and self.done_bytes:
            share = self.done_bytes / self.bytes
            left = self.done / share - self.done
        text = ""
        if share is not None:
            full = min(max(int(share * _BAR_CELLS), 0), _BAR_CELLS)
            text += f"[{'#' * full}{'.' * (_BAR_CELLS - full)}] "
        text += str(self.done) + (f"/{self.jobs}" if self.jobs is not None else "")
        text += f" {int(min(share, 1) * 100)}%" if share is not None else ""
        text += f" {_rounded(per_second)}/s {self.done - self.ok} failed"
        if share is not None and per_second > 0:
            text += f" {_clock_time(max(left, 0) / per_second)} left"
        return text

    def summary(self, unanswered: int, now: float) -> str:
        text = f"{self.done} {'job' if self.done == 1 else 'jobs'}: {self.ok} ok"
        text += "".join(f", {self.by_outcome[one]} {one}" for one in sorted(self.by_outcome) if one != "ok")
        text += f", {unanswered} without an answer" if unanswered else ""
        text += f"; {self.before} of them by an earlier run" if self.before else ""
        seconds = now - self.begin
        text += f"; {_rounded(seconds)} s"
        return text + (f", {_rounded((self.done - self.before) / seconds)} jobs/s" if seconds > 0 else "")


class _Screen:
    """Standard error: a bar that is drawn again and again, and lines that stay."""

    def __init__(self) -> None:
        self.has_bar = False

    @staticmethod
    def _write(text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()

    def draw(self, bar: str) -> None:
        self.has_bar = True
        columns = 200
        with contextlib.suppress(OSError, ValueError):
            columns = os.get_terminal_size(2).columns or 200
        self._write("\r\x1b[K" + bar[:columns - 1])  # a bar that wraps could not be erased

    def say(self, line: str) -> None:
        self._write(("\n" if self.has_bar else "") + line + "\n")
        self.has_bar = False


class _Output(_Sink):
    """Where the answers are written to, and those that an earlier run left there."""

    def __init__(self, name: Optional[str], source: _Input, is_resumed: bool):
        self.name = name or "standard output"
        self.earlier: Dict[str, str] = {}  # outcomes by id
        self.buffer = bytearray()
        self.progress: Optional[_Progress] = None
        self.screen: Optional[_Screen] = None
        self.next_drawing = 0.0
        self.kept_bytes: Optional[int] = None  # of what is there; the rest goes when the first answer comes
        try:
            self.fd = 1 if name is None else os.open(name, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            status = os.fstat(self.fd)
            self.is_file = stat.S_ISREG(status.st_mode)
            if name is not None and self.is_file and os.path.samestat(status, os.fstat(source.fd)):
                raise _Problem(f"the output {name} is the input")
            if name is not None and self.is_file:
                self._lock()
                self.kept_bytes = 0
            if is_resumed:
                self._read_earlier()
        except OSError as problem:
            raise _Problem(f"cannot write {self.name}: {_open_words(problem)}") from None

    def _lock(self) -> None:
        """Against another run with the same output. It ends with this process."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _Problem(f"another run writes to {self.name}") from None
        except OSError:
            pass  # a file system without locks

    def _read_earlier(self) -> None:
        """Keeps whole lines only."""
        if not self.is_file:
            raise _Problem(f"{self.name} is no file that can be resumed")
        whole = 0
        with open(os.dup(self.fd), "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                if not line.strip():
                    continue
                try:
                    answer = _read_answer_line(line)
                except ValueError:
                    raise _Problem(f"line {number} of {self.name} is no answer of the service; --resume keeps what "
                                   "this command wrote") from None
                job_id = _id_of_line(line)
                if answer is not None and job_id is not None:
                    self.earlier.setdefault(job_id, answer.outcome)
        self.kept_bytes = whole

    def cut(self) -> None:
        """What was there makes room for the answers of this run."""
        if self.kept_bytes is not None:
            os.ftruncate(self.fd, self.kept_bytes)
            os.lseek(self.fd, self.kept_bytes, os.SEEK_SET)
            self.kept_bytes = None

    def take(self, place: int, line: bytes, answer: _AnswerLine, size: int) -> None:
        begin, end = answer.span
        self.buffer += line[:begin] + str(place).encode() + line[end:] + b"\n"
        if self.progress is not None:
            self.progress.count(answer.outcome, size)
        if not hasattr(select, "poll"):
            self.flush()

    def is_full(self) -> bool:
        return len(self.buffer) > _BUFFERED_BYTES

    def descriptor(self) -> Optional[int]:
        return self.fd if self.buffer else None

    def write_some(self) -> None:
        """Raises BrokenPipeError if nobody reads any more."""
        self.cut()
        with contextlib.suppress(BlockingIOError):
            written = os.write(self.fd, self.buffer if self.is_file else self.buffer[:_PIPE_BYTES])
            del self.buffer[:written]

    def flush(self) -> None:
        while self.buffer:
            if hasattr(select, "poll"):
                _wait_ready([], [self.fd], None)
            self.write_some()

    def tick(self) -> Optional[float]:
        if self.screen is None or self.progress is None:
            return None
        now = time.monotonic()
        if now >= self.next_drawing:
            self.screen.draw(self.progress.bar(now))
            self.next_drawing = now + _REDRAW_SECONDS
        return max(self.next_drawing - now, 0)


class _BatchCommand:
    def __init__(self, options: argparse.Namespace):
        if options.resume and options.output in (None, "-"):
            raise _Problem("--resume needs --output FILE, the file with the answers so far")
        if options.quiet and options.progress:
            raise _Problem("--quiet and --progress contradict each other")
        self.options, self.ids = options, set()  # type: Tuple[argparse.Namespace, Set[str]]
        self.client = _client_from(options)
        self.input = _Input(None if options.jobs == "-" else options.jobs)
        self.output = _Output(None if options.output in (None, "-") else options.output, self.input, options.resume)
        is_shown = options.progress or (not options.quiet and sys.stderr.isatty())
        self.screen = _Screen()
        self.progress = _Progress(self.input.total() if is_shown else (None, None), time.monotonic())
        self.output.progress, self.output.screen = self.progress, self.screen if is_shown else None

    def _feed(self) -> Iterator[Tuple[Optional[int], bytes]]:
        place, is_first = 0, True
        for number, line in self.input.lines():
            if is_first and _is_defaults_line(line):
                yield None, line + b"\n"
            elif not (self.options.resume and self._is_answered(number, line)):
                yield place, line + b"\n"
                place += 1
            else:
                place += 1
            is_first = False

    def _is_answered(self, number: int, line: bytes) -> bool:
        job = _object_of_line(line)
        if job is not None and job.get("id") is None:
            raise _Problem(f"line {number} has no 'id', which --resume needs: a text or a whole number")
        job_id = _id_of(job or {})
        if job_id is None:
            return False  # the service refuses it, again
        if job_id in self.ids:
            raise _Problem(f"line {number} has the id {job_id} of a line before it; --resume needs one of its own "
                           "for each")
        self.ids.add(job_id)
        outcome = self.output.earlier.get(job_id)
        if outcome is None:
            return False
        self.progress.count(outcome, len(line) + 1)
        self.progress.before += 1
        return True

    def run(self) -> int:
        batch = _Batch(self.client._transport, self._feed(), self.output, window=self.options.window,
                       patience=self.options.retry_seconds, tell=self._tell_trouble)
        code, message = _EXIT_OK, ""
        with self._signals(batch):
            try:
                batch.run()
                self.output.cut()
                code = _EXIT_FAILED if self.progress.done > self.progress.ok else _EXIT_OK
            except BrokenPipeError:
                return _EXIT_SIGNAL + _SIGPIPE
            except _Stopped as stopped:
                code = _EXIT_SIGNAL + stopped.number
                message = f"last problem: {batch.trouble}" if batch.trouble and not self.options.quiet else ""
            except GaveUp as problem:
                code, message = _EXIT_GAVE_UP, str(problem)
            except Unreachable as problem:
                code, message = _EXIT_GAVE_UP, str(problem)
            except (_Problem, _BatchRefused) as problem:
                code, message = _EXIT_REFUSED, str(problem)
            except OSError as problem:
                code, message = _EXIT_REFUSED, f"cannot write {self.output.name}: {_open_words(problem)}"
        try:
            self.output.flush()  # whole lines
        except BrokenPipeError:
            return _EXIT_SIGNAL + _SIGPIPE
        except OSError as problem:
            code, message = _EXIT_REFUSED, f"cannot write {self.output.name}: {_open_words(problem)}"
        now = time.monotonic()
        if self.output.screen is not None:
            self.screen.draw(self.progress.bar(now))
        if not self.options.quiet:
            self.screen.say(self.progress.summary(len(batch.ledger.jobs), now))
        if message:
            self.screen.say(f"pyexec batch: {message}")
        return code

    def _tell_trouble(self, text: str) -> None:
        if not self.options.quiet:
            self.screen.say(f"pyexec batch: {text}")

    @contextlib.contextmanager
    def _signals(self, batch: _Batch) -> Iterator[None]:
        """The first SIGINT or SIGTERM ends the run between two lines; the next one kills."""
        names = [signal.SIGINT, signal.SIGTERM]

        def stop(number: int, _: Any) -> None:
            for one in names:
                signal.signal(one, signal.SIG_DFL)
            if batch.is_connecting:
                raise _Stopped(number)
            batch.problem = _Stopped(number)
            batch.wake()

        before = {one: signal.signal(one, stop) for one in names}
        # Another thread may get the signal: this one has to wake up for it.
        bell = signal.set_wakeup_fd(batch.bell[1].fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(bell)
            for one, handler in before.items():
                signal.signal(one, handler)


# The command `repl` ---------------------------------------------------------------------------------------------------

_REPL_HELP = """\
  :undo [N]          go back by N cells (1): the next cell runs on the state before them
  :at N              the next cell runs on the state after cell N; 0 is the beginning
  :files             list the files of the session
  :put FILE [NAME]   send a file; names with spaces stand in quotes
  :get NAME [FILE]   fetch a file
  :reset             begin a new session
  :help, :quit       this list; leave (also Ctrl-D)
Ctrl-C ends the cell that runs and keeps the session."""
_LIST_FILES = """sorted(str(one) for one in __import__("pathlib").Path(".").rglob("*") if one.is_file())"""


class _Repl:
    """A session, line by line."""

    def __init__(self, options: argparse.Namespace, client: Client):
        self.options, self.client = options, client
        self.is_terminal = sys.stdin.isatty()
        self.session: Session
        self.trail: List[int] = [0]  # the states that led here; the last one is where the next cell runs
        self.lines: List[str] = []
        self.has_failed = False
        self.compiler = codeop.CommandCompiler()
        self.compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def run(self) -> int:
        try:
            with self._signals():
                self._open()
                self._read_all()
        except _Stopped as stopped:
            return _EXIT_SIGNAL + stopped.number
        finally:
            if hasattr(self, "session"):
                with contextlib.suppress(Error):
                    self.session.close()
        return _EXIT_FAILED if self.has_failed and not self.is_terminal else _EXIT_OK

    def _read_all(self) -> None:
        if self.is_terminal:
            with contextlib.suppress(ImportError):
                __import__("readline")  # gives input() its line editing
            _print(f"pyexec at {self.client.url}; :help lists commands, Ctrl-D leaves\n")
        if isinstance(sys.stdin, io.TextIOWrapper):
            encoding = sys.stdin.encoding if self.is_terminal else "utf-8-sig"
            sys.stdin.reconfigure(encoding=encoding, errors="surrogateescape")
        while True:
            try:
                line = self._read("... " if self.lines else ">>> ")
                if line is None:
                    break
                if not self._take(line):
                    return
            except KeyboardInterrupt:
                self.lines, self.has_failed = [], True
                _print("\nKeyboardInterrupt\n")
        if self.lines:
            self._try(lambda: self._cell("\n".join(self.lines) + "\n"))
        if self.is_terminal:
            _print("\n")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """The first SIGTERM or SIGHUP ends the session, the next one kills."""
        names = [one for one in (signal.SIGTERM, getattr(signal, "SIGHUP", None)) if one is not None]

        def stop(number: int, _: Any) -> None:
            for one in names:
                signal.signal(one, signal.SIG_DFL)
            raise _Stopped(number)

        names = [one for one in names if signal.getsignal(one) != signal.SIG_IGN]  # as by nohup
        before = {one: signal.signal(one, stop) for one in names}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _open(self) -> None:
        self.session, self.trail, self.lines = self.client.session(timeout=self.options.timeout), [0], []
        features = self.client.health().get("isolation", {}).get("features", {})
        self.has_checkpoints = features.get("checkpoints", True) is True

    def _read(self, prompt: str) -> Optional[str]:
        try:
            if self.is_terminal:
                with contextlib.suppress(EOFError):
                    return input(prompt)
                return None
            line = sys.stdin.readline()
        except BrokenPipeError:
            raise
        except OSError as problem:
            raise _Problem(f"cannot read standard input: {_open_words(problem)}") from None
        return line.rstrip("\r\n") if line else None

    def _take(self, line: str) -> bool:
        """False: leave."""
        if not self.lines and line.strip() in (":quit", ":q", ":exit"):
            return False
        if not self.lines and line.startswith(":"):
            self._try(lambda: self._command(line))
            return True
        self.lines.append(line)
        if not self._is_incomplete():
            cell, self.lines = "\n".join(self.lines) + "\n", []
            if cell.strip():
                self._try(lambda: self._cell(cell))
        return True

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (_NoOutput, BrokenPipeError):
            raise
        except Gone as error:
            self._fail(f"{error.message}\n:reset begins a new session")
        except (Error, OSError, ValueError, TypeError, _Problem) as problem:
            self._fail(str(problem))

    def _is_incomplete(self) -> bool:
        text = "\n".join(self.lines).encode(errors="replace").decode()  # it may be no text in UTF-8
        try:
            return self.compiler(text, "<cell>", "single") is None
        except (SyntaxError, ValueError, OverflowError):
            return False  # the service's Python has the last word

    @staticmethod
    def _say(text: str) -> None:
        _tell(text.rstrip("\n") + "\n")

    def _fail(self, text: str) -> None:
        self.has_failed = True
        self._say(text)

    def _at(self) -> Optional[int]:
        return self.trail[-1] if self.has_checkpoints and self.trail[-1] != self.session.head else None

    def _cell(self, code: str) -> None:
        if re.search("[\ud800-\udfff]", code):
            return self._fail("the cell is no text in UTF-8")
        printer, self.head_before, self.has_repr = _Printer(), self.session.head, False
        displays = None if self.options.displays else False  # None: as the service does
        try:
            with self.session.stream(code=code, at=self._at(), timeout=self.options.timeout,
                                     displays=displays) as stream:
                for event in stream:
                    self._show_event(event, printer)
                    self._note(event)
        except KeyboardInterrupt:
            self.has_failed = True
            _print("\nKeyboardInterrupt: the cell was ended; the session goes on from the state before it\n")
            self._find_head()
        except AnswerLost:
            self._find_head()
            raise

    def _show_event(self, event: Event, printer: _Printer) -> None:
        printer.show(event)
        if event.name == "result" and event.data.get("repr") is not None:
            self.has_repr = True
            printer.line(event.data["repr"])
        elif event.name == "result" and event.data.get("result_problem"):
            self._say(f"note: {event.data['result_problem']}")
        elif event.name == "error":
            printer.line("") if not printer.at_line_start else None
            self._fail(event.text)
        elif event.name == "displays":
            shown = [Display(bundle) for bundle in event.data["displays"]]
            self._try(lambda: self._save_shown(shown, printer))

    def _save_shown(self, shown: Sequence[Display], printer: _Printer) -> None:
        for path in _show(shown, self.options.into, f"pyexec-{self.cell}-{{}}", printer, self.has_repr):
            printer.line(f"saved {path}")

    def _note(self, event: Event) -> None:
        if event.data.get("cell") is not None:
            self.cell = event.data["cell"]
        if event.data.get("head") is not None:
            self._go_to(event.data["head"])

    def _go_to(self, head: int) -> None:
        """The next cell runs on the state of the cell that has ended, if it left one. States are numbered upwards."""
        self.session.head = head
        if head > self.head_before and head != self.trail[-1]:
            self.trail.append(head)

    def _find_head(self) -> None:
        """A cell that was ended has no answer: the session knows what became of it."""
        try:
            self._go_to(self.session.info()["head"])
        except Error as error:
            self._say(f"{error.message}\n:reset begins a new session")

    @staticmethod
    def _words(text: str) -> List[str]:
        """Names may stand in quotes. A backslash is one, as in paths of Windows."""
        found = re.findall(r"""(?:"([^"]*)"|'([^']*)')(?!\S)|(\S+)""", text)
        if any(plain[:1] in ("'", '"') for _, _, plain in found):
            raise ValueError("a quote is not closed")
        return [double or single or plain for double, single, plain in found]

    @staticmethod
    def _number(word: str) -> int:
        try:
            return int(word)
        except ValueError:
            raise ValueError(f"{word!r} is no number") from None

    def _undo(self, count: int) -> None:
        if not 0 < count < len(self.trail):
            raise ValueError(f"there are {len(self.trail) - 1} cells to go back by")
        del self.trail[len(self.trail) - count:]

    def _at_state(self, cell: int) -> None:
        cells = self.session.info().get("cells", [])
        if cell != 0 and not any(one["cell"] == cell and one.get("is_kept") for one in cells):
            raise ValueError(f"there is no state after a cell {cell}")
        self.trail.append(cell)

    def _command(self, line: str) -> None:
        name, *words = self._words(line[1:]) or [""]
        if name in ("undo", "at") and not self.has_checkpoints:
            raise ValueError("this service keeps no state but the newest")
        if (name == "undo" and len(words) <= 1) or (name == "at" and len(words) == 1):
            move = self._undo if name == "undo" else self._at_state
            move(self._number(words[0]) if words else 1)
            _print(f"the next cell runs on the state after cell {self.trail[-1]}\n")
        elif name == "files":
            # The listing is a cell, too: the next one runs on the state before it.
            answer = self.session.code(_LIST_FILES, at=self._at())
            _print("\n".join(answer.result or ["no files"]) + "\n")
        elif name == "put" and len(words) in (1, 2):
            self.session.put(words[-1] if len(words) == 2 else Path(words[0]).name, Path(words[0]))
        elif name == "get" and len(words) in (1, 2):
            try:
                content = self.session.get(words[0])
            except NotFound as error:
                raise ValueError(f"{words[0]}: {error.message}") from None
            path = Path(words[1]) if len(words) == 2 else _place_in(Path(self.options.into), Path(words[0]).name)
            _write_file(path, content)
            _print(f"saved {path}\n")
        elif name == "reset":
            self.session.close()
            self._open()
        elif name == "help":
            _print(_REPL_HELP + "\n")
        else:
            raise ValueError(f"no such command as {line.strip()!r}; :help lists them")


# The command line -----------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def __init__(self, prog: str, **options: Any):
        # An abbreviated --key would take a key for the name of a file, and print it.
        options["allow_abbrev"] = False
        super().__init__(prog, **options)

    def error(self, message: str) -> Any:
        self.exit(_EXIT_REFUSED, f"{self.prog}: {message}; {self.prog} --help lists the options\n")


def _number(kind: Callable[[str], Any], least: float, most: float) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return value

    return parse


def _make_parser() -> Tuple[_Parser, Dict[str, _Parser]]:
    parser = _Parser("pyexec", description="Runs Python on a pyexec service.", epilog=_EXITS)
    parser.add_argument("--version", action="version", version=f"pyexec {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    made: Dict[str, _Parser] = {}

    def add(name: str, text: str, more: str = "") -> _Parser:
        one = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}", epilog=_EXITS)
        one.add_argument("--url", metavar="URL", help=f"the service [PYEXEC_URL; default {DEFAULT_URL}]")
        one.add_argument("--key-file", metavar="FILE", help="file that holds the API key [PYEXEC_KEY]")
        if name != "batch":
            one.add_argument("--patience", metavar="S", type=_number(float, 0, _MOST_RETRY_SECONDS), default=30.0,
                             help="seconds for which a request that the service is too busy for is sent again [30]")
        made[name] = one
        return one

    for name, text, operand, meaning in (
            ("run", "run a script, print what it prints and then its result as JSON",
             "SCRIPT", "file with a main(); - is standard input"),
            ("code", "run a notebook's cell, print what it prints and then its value",
             "CODE", "the text; - is standard input")):
        one = add(name, text)
        one.add_argument("script", metavar=operand, help=meaning)
        if name == "run":
            one.add_argument("--arg", metavar="[NAME=]VALUE", action="append", default=[],
                             help="an argument of main(): JSON, or else text; may be there several times")
        one.add_argument("--file", metavar="[NAME=]PATH", action="append", default=[],
                         help="a file for the script's directory, under its own name or NAME")
        one.add_argument("--return", metavar="PATTERN", dest="return_files", action="append", default=[],
                         help="files to fetch, as '*.png'; they replace files of their names")
        one.add_argument("--displays", action="store_true",
                         help="save pictures that are shown as pyexec-1.png and so on, and print tables")
        one.add_argument("--into", metavar="DIR", default=".", help="where files go [the current directory]")
        one.add_argument("--timeout", metavar="S", type=_number(float, 0.001, 1e7), help="time limit in seconds")
        one.add_argument("--memory", metavar="MIB", type=_number(int, 1, 1e9), help="memory limit in MiB")
        one.add_argument("--env", metavar="NAME=VALUE", action="append", default=[], help="a variable for the script")
        one.add_argument("--stdin", metavar="FILE", help="its standard input; - is that of this command")
        one.add_argument("--template", metavar="NAME", help="sha256:..., what the script begins with")
        one.add_argument("--verbose", action="store_true",
                         help="print times and limits of the job on standard error")
        one.add_argument("--live", action="store_true", default=None,
                         help="pass on output as it is printed [on terminals]")
        one.add_argument("--no-live", action="store_false", dest="live", help="print output at the end")

    one = add("batch", "send the jobs of FILE, one JSON object a line, and write a line of JSON for each as it ends",
              "Goes on after broken connections and restarts of the service: no job is lost, none is reported twice.")
    one.add_argument("jobs", metavar="FILE", nargs="?", default="-",
                     help="the jobs; standard input, if it is - or missing")
    one.add_argument("-o", "--output", metavar="FILE",
                     help="where the answers go, instead of standard output; what was in it is replaced")
    one.add_argument("--resume", action="store_true",
                     help="keep the answers that are in the output, and send only jobs whose id has none there; every "
                     "job needs an id of its own")
    one.add_argument("--window", metavar="N", type=_number(int, 1, _LARGEST_WINDOW), default=_WINDOW,
                     help="most jobs that are sent and have no answer yet; of their lines at most 64 MiB [1000]")
    one.add_argument("--retry-seconds", metavar="N", type=_number(int, 0, _MOST_RETRY_SECONDS), default=300,
                     help="how long to try again, without an answer to any job, before giving up [300]")
    one.add_argument("--progress", action="store_true", help="show how far the jobs are, even if standard error is no "
                     "terminal")
    one.add_argument("--quiet", action="store_true", help="show neither progress, trouble nor a summary")
    one.set_defaults(patience=0.0)

    one = add("repl", "type Python into a session, cell by cell",
              ":help lists its commands. Without a terminal it ends with 1 if a cell or a command has failed.")
    one.add_argument("--timeout", metavar="S", type=_number(float, 0.001, 1e7), help="time limit of a cell in seconds")
    one.add_argument("--into", metavar="DIR", default=".", help="where pictures go [the current directory]")
    one.add_argument("--no-displays", dest="displays", action="store_false", help="do not fetch what cells show")
    add("health", "print the state of the service as JSON")
    add("packages", "list what scripts can import")
    return parser, made


_COMMANDS: Dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _command_run, "code": _command_run, "health": _command_health, "packages": _command_packages,
    "batch": lambda options: _BatchCommand(options).run(),
    "repl": lambda options: _Repl(options, _client_from(options)).run()}


def _run_command(options: argparse.Namespace) -> int:
    program = f"pyexec {options.command}"
    try:
        return _COMMANDS[options.command](options)
    except JobFailed as error:
        if isinstance(error, ScriptError):
            _tell(error.traceback.rstrip("\n") + "\n")
        else:
            _complain(program, error.message)
        return _EXIT_FAILED
    except (TryAgain, Unreachable, AnswerLost, InternalError, GaveUp) as error:
        _complain(program, str(error))
        return _EXIT_GAVE_UP
    except BrokenPipeError:
        raise
    except (Error, _Problem, ValueError, TypeError, OSError) as problem:
        _complain(program, str(problem))
        return _EXIT_REFUSED


def _open_standard() -> None:
    """Puts the null device in the place of standard descriptors that are closed, so that no connection gets their
    numbers. Reading the input and writing the output fail there."""
    for fd, name, mode, flags in ((0, "stdin", "r", os.O_WRONLY), (1, "stdout", "w", os.O_RDONLY),
                                  (2, "stderr", "w", os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, flags)
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, encoding="utf-8", closefd=False))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command. Returns its exit code."""
    _open_standard()
    parser, commands = _make_parser()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # scripts may print what the terminal has not
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # answers have no integers of more digits than can be printed
    try:
        try:
            options, unknown = parser.parse_known_args(arguments)
            if unknown:
                commands[options.command].error(f"unknown arguments: {' '.join(unknown)}")
            return _run_command(options)
        except KeyboardInterrupt:
            return _EXIT_SIGNAL + signal.SIGINT
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # nobody reads the output
        _drop_output()
        return _EXIT_SIGNAL + _SIGPIPE
    except OSError as problem:
        _drop_output()
        _complain("pyexec", f"cannot write standard output: {_open_words(problem)}")
        return _EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
