"""Runs one script and turns what comes of it into a report. Loaded once, in the zygote; `run` is called
once in each worker, after the jail is complete.

Whatever a script does to this interpreter, it can only change its own report: the server checks and
re-serialises it.
"""

import ast
import asyncio
import contextlib
import inspect
import json
import linecache
import os
import random
import sys
import tempfile
import threading
import time
import traceback
import types
from importlib.machinery import ModuleSpec

import _pyexec_denied_imports as denied_imports
import _pyexec_failures as failures
import _pyexec_results as results
import _pyexec_returned_files as returned_files
from _pyexec_failures import FILENAME

# Values of ReportKind (worker/protocol/job.h).
VALUE, INVALID_SCRIPT, EXCEPTION, NOT_SERIALIZABLE, MEMORY_LIMIT, OUTPUT_LIMIT, EXITED, INVALID_ARGUMENTS = range(1, 9)

DEFAULT_TMPDIR = "/tmp"
MODULE = "script"
PIPE_BYTES = 65536  # that a new pipe holds, while its user has not many of them
OWN_FRAMES = (__file__, results.__file__, os.path.dirname(asyncio.__file__) + "/")
NO_MAIN_RAN = (INVALID_SCRIPT, INVALID_ARGUMENTS)

_MISSING = object()
# Found before any script can rebind them.
_prepared = []  # modules and their loaders, of `prepare`
_seed_random, _set_native_id = random.seed, threading.main_thread()._set_native_id
_encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=False)
# What the encoder makes anew for each value that it encodes. The first argument finds circles.
_chunks_of = json.encoder.c_make_encoder(
    {}, results.convert, json.encoder.encode_basestring, None, _encoder.key_separator, _encoder.item_separator,
    _encoder.sort_keys, _encoder.skipkeys, _encoder.allow_nan,
)

os.environ["TMPDIR"] = DEFAULT_TMPDIR


class Loader:
    """Gives inspect, linecache and pickle the source of the script's module."""

    source = ""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.source, FILENAME, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return self.source


def prepare():
    """Runs last in the zygote: makes what every run needs, so that a worker does not write to the pages it lies in."""
    _prepared.extend(_new_module() for _ in range(3))  # two of a worker's warm-up, and its job


def after_fork(temporary_directory):
    """What must differ between workers, but for numpy's random state, which interpreter.cc fills in.

    temporary_directory: where tempfile writes; "" leaves it without a place.

    Python's own repairs (PyOS_AfterFork_Child) are not called: they are for a process with threads, whose locks
    somebody may hold, and each Python function that runs in a worker costs it pages of its own. The zygote has
    one thread and holds no lock when it forks; what is left is its random state and its thread's number.
    """
    _seed_random()
    _set_native_id()
    if temporary_directory != DEFAULT_TMPDIR:
        os.environ["TMPDIR"] = temporary_directory or DEFAULT_TMPDIR


def run(source: str, result_bytes: int, error_bytes: int, inputs=None, wants=None):
    """Returns (report kind, text as UTF-8 bytes, detail, files). Never raises but for a broken interpreter.

    source: the script. result_bytes, error_bytes: caps of the returned text; a longer result is an
    error, a longer error text loses its middle. inputs: None, or (arguments of main() as JSON or "",
    standard input as bytes, files and variables of the environment as lists of (name, bytes)).
    wants: None, or (whether detail is wanted, patterns of the files to return, most bytes and most
    of those files, most directories above one, modules that must not be imported).
    detail: [(name, value as UTF-8 bytes)] of a failure, where wanted. files: [(name, bytes)].
    """
    own_pid = os.getpid()
    detail, files = [], []
    if wants is None:
        kind, text = _run(source, result_bytes, inputs, (), None)
    else:
        kind, text, files = _run_with(source, result_bytes, inputs, wants, detail)
    if os.getpid() != own_pid:
        os._exit(0)  # a child that the script forked came back from main(); its parent reports
    if isinstance(text, str):
        text = text.encode("utf-8", "backslashreplace")
    if kind != VALUE and len(text) > error_bytes:
        text = failures.bounded(text, error_bytes)
    return kind, text, detail, files


def _run_with(source, result_bytes, inputs, wants, detail):
    wants_detail, patterns, files_bytes, files_count, files_depth, denied = wants
    directory = os.environ["TMPDIR"]
    if patterns:
        with contextlib.suppress(OSError):  # a jail without a place to write has no files to return either
            os.chdir(directory)
    kind, text = _run(source, result_bytes, inputs, denied, detail if wants_detail else None)
    if wants_detail and kind == NOT_SERIALIZABLE:
        name, _, message = text.partition(": ")
        detail += failures.of_text(name, message)
    if wants_detail and kind == INVALID_ARGUMENTS:
        detail += failures.of_text("TypeError", text)
    if not patterns or kind in NO_MAIN_RAN:
        return kind, text, []
    try:
        limits = returned_files.Limits(files_bytes, files_count, files_depth)
        return kind, text, returned_files.collect(directory, patterns, limits)
    except MemoryError:
        return MEMORY_LIMIT, "memory limit exceeded", []
    except returned_files.Refused as refused:
        problem = f"return_files: {refused}"
    except BaseException as error:  # a signal handler of the script, or what it has made of Python
        problem = f"return_files: {type(error).__name__}"
    return OUTPUT_LIMIT, problem if kind == VALUE else f"{problem}\nThe script had failed before:\n{text}", []


def _run(source, result_bytes, inputs, denied, detail):
    """detail: a list to add to, or None."""
    try:
        if denied:
            tree = compile(source, FILENAME, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            found = denied_imports.first_denied(tree, denied)
            if found is not None:
                return INVALID_SCRIPT, _refuse_import(source, *found, detail)
            code = compile(tree, FILENAME, "exec", dont_inherit=True)
        else:
            code = compile(source, FILENAME, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError) as error:
        if detail is not None:
            detail += failures.of_syntax(error, source)
        return INVALID_SCRIPT, f"Syntax error in script: {error}"
    except MemoryError:  # the parser's stack, or the job's memory: it does not tell
        return INVALID_SCRIPT, "Syntax error in script: too complex for the memory of a job"

    args, kwargs, has_arguments = (), {}, False
    try:
        if inputs is not None:
            has_arguments = inputs[0] != ""
            args, kwargs = _take_inputs(*inputs)
        module = _make_module(source)
        exec(code, module.__dict__)
        main = module.__dict__.get("main", _MISSING)
        if main is _MISSING:
            return INVALID_SCRIPT, "Script must contain a main() function"
        if not callable(main):
            return INVALID_SCRIPT, f"'main' must be a function, not {type(main).__name__}"
        if has_arguments:
            problem = _mismatch(main, args, kwargs)
            if problem is not None:
                return INVALID_ARGUMENTS, problem
        value = main(*args, **kwargs)
        if isinstance(value, types.CoroutineType):
            value = asyncio.run(value)
    except SystemExit as stop:
        return EXITED, _exit_text(stop, source, detail)
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)
        if detail is not None:
            _describe(error, source, detail)
        return MEMORY_LIMIT, "memory limit exceeded"
    except BaseException as error:
        return EXCEPTION, _describe(error, source, detail)
    return _serialize(value, result_bytes, source, detail)


def _take_inputs(arguments, stdin, files, variables):
    """Returns what main() is to be called with."""
    if files:
        os.chdir(os.environ["TMPDIR"])
    for name, data in files:
        directory = os.path.dirname(name)
        if directory:
            os.makedirs(directory, exist_ok=True)
        with open(name, "xb") as file:
            file.write(data)
    if stdin:
        _put_on_stdin(stdin)
    for name, value in variables:
        os.environ[name] = value.decode("utf-8")
        if name == "TZ":
            time.tzset()
    if not arguments:
        return (), {}
    values = json.loads(arguments)
    return (values, {}) if isinstance(values, list) else ((), values)


def _put_on_stdin(data):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        fits = len(data) <= PIPE_BYTES and os.write(write_end, data) == len(data)
    except BlockingIOError:
        fits = False
    os.close(write_end)
    if not fits:
        os.close(read_end)
        with tempfile.NamedTemporaryFile() as file:  # its name is gone once it is open for reading
            file.write(data)
            file.flush()
            read_end = os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(read_end, 0)
    os.close(read_end)


def _mismatch(main, args, kwargs):
    """Why main() cannot be called so, in words that name the parameter; None if it can."""
    try:
        signature = inspect.signature(main)
    except (TypeError, ValueError):  # a callable that does not tell
        return None
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return f"'args' do not fit main{signature}: {error}"
    return None


def _new_module():
    loader = Loader()
    spec = ModuleSpec(MODULE, loader, origin=FILENAME)
    spec.has_location = True
    module = types.ModuleType(MODULE)
    module.__spec__ = spec
    module.__loader__ = loader
    module.__file__ = FILENAME
    return module, loader


def _make_module(source):
    module, loader = _prepared.pop() if _prepared else _new_module()
    loader.source = source
    # No modification time: linecache.checkcache keeps the entry.
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(True), FILENAME)
    sys.modules[MODULE] = module
    return module


def _serialize(value, result_bytes, source, detail):
    try:
        text = "".join(_chunks_of(value, 0)).encode("utf-8")
    except UnicodeEncodeError:
        place = results.place_of_problem(value, unencodable=True)
        return NOT_SERIALIZABLE, f"UnicodeEncodeError: the result holds a lone surrogate, which has no UTF-8 form{place}"
    except ValueError as error:
        text = f"ValueError: {error}"
        if text.startswith("ValueError: Out of range float"):
            text += " (NaN and Infinity have no JSON form)"
        return NOT_SERIALIZABLE, text + results.place_of_problem(value)
    except (TypeError, OverflowError) as error:
        return NOT_SERIALIZABLE, f"{type(error).__name__}: {error}{results.place_of_problem(value)}"
    except RecursionError:
        return NOT_SERIALIZABLE, "RecursionError: the result is nested too deeply"
    except MemoryError:
        return MEMORY_LIMIT, "memory limit exceeded"
    except SystemExit as stop:
        return EXITED, _exit_text(stop, source, detail)
    except BaseException as error:
        return EXCEPTION, _describe(error, source, detail)
    if len(text) > result_bytes:
        return OUTPUT_LIMIT, f"result is {len(text)} bytes of JSON, more than the limit of {result_bytes}"
    return VALUE, text


def _refuse_import(source, name, line, offset, detail):
    text = f"importing {name!r} is not allowed by this service (line {line})"
    if detail is not None:
        detail += failures.of_import(text, source, line, offset)
    return text


def _exit_text(stop, source, detail):
    if detail is not None:
        _describe(stop, source, detail)
    code = stop.code
    shown = repr(code) if code is None or isinstance(code, (int, str)) else type(code).__name__
    return f"script exited with {shown} before main() returned"


def _describe(error, source, detail):
    """The traceback as Python prints it, without the frames that led to the script: of this service, and of the loop
    that awaits an async main()."""
    try:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename.startswith(OWN_FRAMES):
            frames = frames.tb_next
        text = "".join(traceback.format_exception(type(error), error, frames)).rstrip("\n")
    except BaseException:  # the exception's own __str__ can do anything
        text = type(error).__name__
    if detail is not None:
        detail += failures.of_error(error, source, text)
    return text
