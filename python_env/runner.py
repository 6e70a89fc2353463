"""Runs one script and turns what comes of it into a report. Loaded once, in the zygote; `run` is called
once in each worker, after the jail is complete.

Whatever a script does to this interpreter, it can only change its own report: the server checks and
re-serialises it.
"""

import json
import linecache
import os
import random
import sys
import tempfile
import threading
import traceback
import types
from importlib.machinery import ModuleSpec

# Values of ReportKind (worker/protocol/job.h).
VALUE, INVALID_SCRIPT, EXCEPTION, NOT_SERIALIZABLE, MEMORY_LIMIT, OUTPUT_LIMIT, EXITED = range(1, 8)

DEFAULT_TMPDIR = "/tmp"
MODULE = "script"
FILENAME = "/tmp/script.py"  # no such file: `Loader` and linecache hold the source
RUNNER_FILENAME = __file__

_MISSING = object()
# Found before any script can rebind them.
_prepared = []  # modules and their loaders, of `prepare`
_seed_random, _set_native_id = random.seed, threading.main_thread()._set_native_id
_encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=False)
# What the encoder makes anew for each value that it encodes. The first argument finds circles.
_chunks_of = json.encoder.c_make_encoder(
    {}, _encoder.default, json.encoder.encode_basestring, None, _encoder.key_separator, _encoder.item_separator,
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


def run(source: str, result_bytes: int, error_bytes: int):
    """Returns (report kind, text as UTF-8 bytes). Never raises but for a broken interpreter.

    source: the script. result_bytes, error_bytes: caps of the returned text; a longer result is an
    error, a longer error text loses its middle.
    """
    own_pid = os.getpid()
    kind, text = _run(source, result_bytes)
    if os.getpid() != own_pid:
        os._exit(0)  # a child that the script forked came back from main(); its parent reports
    if isinstance(text, str):
        text = text.encode("utf-8", "backslashreplace")
    if kind != VALUE and len(text) > error_bytes:
        half = error_bytes // 2
        text = text[:half] + b"\n[...]\n" + text[-half:]
    return kind, text


def _run(source, result_bytes):
    try:
        code = compile(source, FILENAME, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return INVALID_SCRIPT, f"Syntax error in script: {error}"

    try:
        module = _make_module(source)
        exec(code, module.__dict__)
        main = module.__dict__.get("main", _MISSING)
        if main is _MISSING:
            return INVALID_SCRIPT, "Script must contain a main() function"
        if not callable(main):
            return INVALID_SCRIPT, f"'main' must be a function, not {type(main).__name__}"
        value = main()
    except SystemExit as stop:
        return EXITED, _exit_text(stop)
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)
        return MEMORY_LIMIT, "memory limit exceeded"
    except BaseException as error:
        return EXCEPTION, _describe(error)
    return _serialize(value, result_bytes)


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


def _serialize(value, result_bytes):
    try:
        text = "".join(_chunks_of(value, 0)).encode("utf-8")
    except UnicodeEncodeError:
        return NOT_SERIALIZABLE, "UnicodeEncodeError: the result holds a lone surrogate, which has no UTF-8 form"
    except ValueError as error:
        text = f"ValueError: {error}"
        if text.startswith("ValueError: Out of range float"):
            text += " (NaN and Infinity have no JSON form)"
        return NOT_SERIALIZABLE, text
    except (TypeError, OverflowError) as error:
        return NOT_SERIALIZABLE, f"{type(error).__name__}: {error}"
    except RecursionError:
        return NOT_SERIALIZABLE, "RecursionError: the result is nested too deeply"
    except MemoryError:
        return MEMORY_LIMIT, "memory limit exceeded"
    except SystemExit as stop:
        return EXITED, _exit_text(stop)
    except BaseException as error:
        return EXCEPTION, _describe(error)
    if len(text) > result_bytes:
        return OUTPUT_LIMIT, f"result is {len(text)} bytes of JSON, more than the limit of {result_bytes}"
    return VALUE, text


def _exit_text(stop):
    code = stop.code
    shown = repr(code) if code is None or isinstance(code, (int, str)) else type(code).__name__
    return f"script exited with {shown} before main() returned"


def _describe(error):
    """The traceback as Python prints it, without this file's own frames."""
    try:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == RUNNER_FILENAME:
            frames = frames.tb_next
        return "".join(traceback.format_exception(type(error), error, frames)).rstrip("\n")
    except BaseException:  # the exception's own __str__ can do anything
        return type(error).__name__
