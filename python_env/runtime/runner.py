"""Runs one script and turns what comes of it into a report. Loaded once, in the zygote; `run` is called
once in each worker, after the jail is complete.

Whatever a script does to this interpreter, it can only change its own report: the server checks and
re-serialises it.
"""

import asyncio
import contextlib
import logging
import os
import random
import sys
import threading
import time
import traceback
import types
from collections import namedtuple

import _pyexec_cells as cells
import _pyexec_displays as displays
import _pyexec_endpoints as endpoints
import _pyexec_failures as failures
import _pyexec_hints as hints
import _pyexec_job_inputs as job_inputs
import _pyexec_leftovers as leftovers
import _pyexec_new_files as new_files
import _pyexec_results as results
import _pyexec_returned_files as returned_files
import _pyexec_script_module as script_module
import _pyexec_sessions as sessions
import _pyexec_sources as sources
import _pyexec_tables as tables
import _pyexec_templates as templates
import _pyexec_tools as tools
import _pyexec_uploads as uploads
from _pyexec_report_kinds import EXCEPTION, EXITED, INVALID_ARGUMENTS, INVALID_SCRIPT, MEMORY_LIMIT
from _pyexec_report_kinds import NOT_SERIALIZABLE, OUTPUT_LIMIT, VALUE
from _pyexec_script_module import DEFAULT_DIRECTORY, prepare  # noqa: F401  (`prepare` is the zygote's)

NO_MAIN_RAN = (INVALID_SCRIPT, INVALID_ARGUMENTS)
OUT_OF_MEMORY = "memory limit exceeded"
ENDPOINT = 2  # of options.is_call: the arguments are to be of the types that the function says

# Of a report; `nan` is the request's field.
ReportOptions = namedtuple("ReportOptions", "detail patterns files_bytes files_count files_depth denied nan is_cell session_cell template is_call tools new_files displays displays_bytes dataframe", defaults=(results.ERROR, False, 0, 0, False, "", False, 0, 0, 0))
_NO_OPTIONS = ReportOptions(False, (), 0, 0, 0, ())
_NO_INPUTS = ("", b"", (), ())
# Found before any script can rebind them.
_seed_random = super(random.Random, random._inst).seed
_set_native_id, _getpid = threading.main_thread()._set_native_id, os.getpid
_now = time.time if sys.version_info < (3, 13) else time.time_ns  # as logging counts

os.environ["TMPDIR"] = DEFAULT_DIRECTORY


def after_fork(temporary_directory):
    """What must differ between workers, but for numpy's random state, which interpreter.cc fills in.

    temporary_directory: where tempfile writes; "" leaves it without a place.

    Python's own repairs (PyOS_AfterFork_Child) are not called: they are for a process with threads, whose locks
    somebody may hold, and each Python function that runs in a worker costs it pages of its own. The zygote has
    one thread and holds no lock when it forks; what is left is its random state and its thread's number.
    """
    _seed_random()
    _set_native_id()
    if temporary_directory != DEFAULT_DIRECTORY:
        script_module.directory = temporary_directory or DEFAULT_DIRECTORY
        os.environ["TMPDIR"] = os.environ["HOME"] = sys.path[0] = script_module.directory


def run(source: str, result_bytes: int, error_bytes: int, inputs=None, options=None):
    """Returns (report kind, text as UTF-8 bytes, detail, files, displays). Never raises but for a broken interpreter.

    source: the script. result_bytes, error_bytes: caps of the returned text; a longer result is an error, a longer error
    text loses its middle. inputs: None, or (arguments of main() as JSON or "", standard input as bytes, files and variables
    of the environment as lists of (name, bytes)).
    options: None, or (whether detail is wanted, patterns of the files to return, most bytes and most of those files, most
    directories above one, modules that must not be imported, what NaN is, whether the source is a cell instead of a script,
    1 + the number of a session's cell or 0, the part in a template, whether the source is the name of a function (1, or
    ENDPOINT), the caller's tools as JSON or "", whether only new files return, most displays and most bytes of them, the form
    of a DataFrame, as tables.FORMS has it).
    detail: [(name, value as UTF-8 bytes)] of a failure, where wanted; what a cell shows of its value. files: [(name, bytes)]. displays: what displays.finish returns.
    """
    inputs = _NO_INPUTS if inputs is None else inputs
    options = _NO_OPTIONS if options is None else ReportOptions(*options)
    directory, patterns = script_module.directory, options.patterns
    if patterns and options.session_cell == 0 or options.session_cell == 1:
        with contextlib.suppress(OSError):  # a jail without a place to write has no files to return either
            os.chdir(directory)
    detail, files, shown = [], [], []
    displays.begin(options.displays, options.displays_bytes)
    if tables.form != tables.FORMS[options.dataframe]:
        tables.form = tables.FORMS[options.dataframe]
    names = [name for name, _ in inputs[2]] if inputs[2] else ()
    script = sessions.script_for(source, names, options)
    mode = "wb" if options.session_cell else "xb"
    has_file = not options.is_cell and not options.is_call
    file = script_module.file_for(script, inputs[2], patterns, mode) if has_file else None
    before = templates.Before() if options.template == templates.SETUP else None
    kind, text = _run(script, inputs, options, result_bytes, detail if options.detail or options.is_cell else None)
    for last in (leftovers.write_out, tools.end) if options.tools else (leftovers.write_out,):
        try:
            last()
        except BaseException:  # a signal handler of the script, or what it has made of Python
            pass
    if options.displays:
        shown = _displays()
    if before is not None:
        kind, text = templates.finish(kind, text, before)
    if patterns and kind not in NO_MAIN_RAN:
        if file is not None:
            file.take_away()
        kind, text, files = _collect(directory, options, kind, text)
    if isinstance(text, str):
        text = text.encode("utf-8", "backslashreplace")
    if kind != VALUE and len(text) > error_bytes:
        text = failures.bounded(text, error_bytes)
    return kind, text, detail, files, shown


def _displays():
    try:
        return displays.finish()
    except BaseException:  # a signal handler of the script, or what it has made of matplotlib
        return [(displays.TRUNCATED, b"")]


def _collect(directory, options, kind, text):
    try:
        limits = returned_files.Limits(options.files_bytes, options.files_count, options.files_depth)
        return kind, text, returned_files.collect(directory, options.patterns, limits, new_files.before if options.new_files else None)
    except MemoryError:
        return MEMORY_LIMIT, OUT_OF_MEMORY, []
    except returned_files.Refused as refused:
        problem = f"return_files: {refused}"
    except BaseException as error:  # a signal handler of the script, or what it has made of Python
        problem = f"return_files: {type(error).__name__}"
    return OUTPUT_LIMIT, problem if kind == VALUE else f"{problem}\nThe script had failed before:\n{text}", []


def _run(script, inputs, options, result_bytes, detail):
    """Report kind and text. detail: a list to add to, or None."""
    own_pid = _getpid()
    try:
        code, calls = sources.compiled(script, options, detail)
    except sources.Refused as refused:
        return refused.args
    shadowed = uploads.Shadowed([name for name, _ in inputs[2]]) if inputs[2] else None
    failure = value = None
    try:
        value = _value_of(script, code, calls, inputs, options)
    except BaseException as error:
        failure = error
    if shadowed is not None:
        shadowed.restore()
    if _getpid() == own_pid and failure is None:
        told = _tell(script, code, value, options, result_bytes, detail)
    if _getpid() != own_pid:
        _end_child(failure)  # a child that the script forked came back from main(), or from repr(); its parent reports
    if failure is None:
        return told
    try:
        return _fail(script, failure, detail)
    finally:
        del failure  # with the frames that it holds, and the files that are open in them


def _value_of(script, code, calls, inputs, options):
    """What main() returns. Raises sources.Refused, or whatever the script does."""
    if options.session_cell:
        args, kwargs = job_inputs.take(*inputs, script_module.directory)
        module = sessions.module_for(script)
    else:
        args, kwargs = ((), {}) if inputs is _NO_INPUTS else job_inputs.take(*inputs)
        module = script_module.make(script)
    if options.new_files:
        new_files.note(script_module.directory)
    if options.tools:
        tools.begin(options.tools, options.nan, module.__dict__)
    logging._startTime = _now()
    if type(code) is cells.Cell:
        return code.value(module.__dict__, _awaited)
    main, name = sources.function_of(script, code, calls, module.__dict__)
    if calls is not None and calls.began and not args and not kwargs:
        return calls.value  # the script has called it by itself
    if inputs[0] != "":
        is_endpoint = options.is_call == ENDPOINT
        problem = job_inputs.mismatch(main, args, kwargs, name, "the arguments" if is_endpoint else "'args'")
        problem = endpoints.mismatch(main, kwargs) if is_endpoint and problem is None else problem
        if problem is not None:
            raise sources.Refused(INVALID_ARGUMENTS, problem)
    value = main(*args, **kwargs)
    return _awaited(value) if isinstance(value, types.CoroutineType) else value


def _awaited(coroutine):
    """As asyncio.run, but that nobody waits for what still runs in the threads of the loop's executor."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        async def let_go(timeout=None):
            """In place of waiting."""

        loop.shutdown_default_executor = let_go
        return runner.run(coroutine)


def _fail(script, error, detail):
    if isinstance(error, sources.Refused):
        if error.args[0] == INVALID_ARGUMENTS:
            _note(detail, failures.of_text, "TypeError", error.args[1])
        return error.args
    if isinstance(error, SystemExit):
        return EXITED, _exit_text(script, error, detail)
    is_memory = hints.is_memory_limit(error)
    if is_memory:
        traceback.clear_frames(error.__traceback__)  # there is room again to tell of it
    text = _describe(script, error, detail)
    return (MEMORY_LIMIT, OUT_OF_MEMORY) if is_memory else (EXCEPTION, text + hints.line_for(error))


def _end_child(error):
    """As Python ends a process."""
    code = 1
    try:
        if error is None:
            code = 0
        elif isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
            code = (error.code or 0) & 0xFF
        elif isinstance(error, SystemExit):
            print(error.code, file=sys.stderr)
        else:
            print(failures.trace_of(error), file=sys.stderr)
        leftovers.write_out()
    finally:
        os._exit(code)


def _tell(script, code, value, options, result_bytes, detail):
    if options.displays:
        try:
            displays.show_value(value)
        except SystemExit as stop:
            return EXITED, _exit_text(script, stop, detail)
        except BaseException as error:
            return EXCEPTION, _describe(script, error, detail)
    if options.is_cell:
        return _show(script, code, value, options, result_bytes, detail)
    return _serialize(script, value, options.nan, result_bytes, detail)


def _show(script, cell, value, options, result_bytes, detail):
    """Of a cell: its value may be what has no JSON form. detail: gets its repr, and why there is no result."""
    text = cells.shown(value)
    if text is not None:
        detail.append(("repr", text))
    told = []
    kind, text = _serialize(script, value, options.nan, result_bytes, told)
    if kind == EXITED:
        detail += told
        return kind, text
    if kind == VALUE:
        if not cell.leaves_main or options.session_cell:  # a later cell of a session can call it
            return kind, text
        text = "main() is defined, and nothing calls it: call it in the last line, or send this as \"script\""
    elif kind == EXCEPTION:
        told = dict(told)
        text = b"%s: %s" % (told.get("type", b"?"), told.get("message", b"?"))
    detail.append(("result_problem", failures.bounded(text, failures.DETAIL_BYTES)))
    return VALUE, "null"


def _serialize(script, value, nan, result_bytes, detail):
    kind, text = _encode(script, value, nan, detail)
    if kind == NOT_SERIALIZABLE:
        name, _, message = text.partition(": ")
        _note(detail, failures.of_text, name, message)
    if kind == VALUE and len(text) > result_bytes:
        return OUTPUT_LIMIT, f"result is {len(text)} bytes of JSON, more than the limit of {result_bytes}"
    return kind, text


def _encode(script, value, nan, detail):
    try:
        return VALUE, results.encode(value, nan).encode("utf-8")
    except UnicodeEncodeError:
        place = results.place_of_problem(value, nan, results.is_encodable)
        return NOT_SERIALIZABLE, f"UnicodeEncodeError: the result holds a lone surrogate, which has no UTF-8 form{place}"
    except (TypeError, ValueError, OverflowError) as error:
        return NOT_SERIALIZABLE, results.text_of_problem(error, value, nan)
    except RecursionError:
        return NOT_SERIALIZABLE, "RecursionError: the result is nested too deeply"
    except MemoryError:
        return MEMORY_LIMIT, OUT_OF_MEMORY
    except SystemExit as stop:
        return EXITED, _exit_text(script, stop, detail)
    except BaseException as error:
        return EXCEPTION, _describe(script, error, detail)


def _note(detail, look, *arguments):
    if detail is not None:
        detail += look(*arguments)


def _exit_text(script, stop, detail):
    _describe(script, stop, detail)
    code = stop.code
    shown = repr(code) if code is None or isinstance(code, (int, str)) else type(code).__name__
    if script.name == script_module.MAIN_NAME:
        return f"code exited with {shown} before its end"
    return f"script exited with {shown} before main() returned"


def _describe(script, error, detail):
    text = failures.trace_of(error)
    _note(detail, failures.of_error, error, script, text)
    return text
