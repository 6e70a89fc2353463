"""What an error's own words do not say: what it has to do with this service, and what to do about it."""

import ast
import errno
import functools
import linecache
import re
import warnings

MOST_CAUSES = 10  # that are looked at behind an error

_dependency = re.compile(r"Missing optional dependency '([^']+)'")
_no_room_to_load = re.compile(r"failed to map segment|: Cannot allocate memory")
_of_ipython = re.compile(r"[%!?]|[\w.]+\?{1,2}$")
_compiles = re.compile(r"(?:\w+\.)*(?:eval|exec|compile)\s*\(")
_LISTED = "scripts cannot install any; GET /packages of this service lists what there is, and a module of one's own goes in `files`"


def _if_it_can_be_looked_at(look):
    """An error is the script's: it can do anything. False then."""

    @functools.wraps(look)
    def guarded(error):
        try:
            return look(error)
        except BaseException:
            return False

    return guarded


@_if_it_can_be_looked_at
def is_memory_limit(error):
    """Whether a job's memory is why: Python says MemoryError of itself, and other things of libraries and the kernel."""
    if isinstance(error, MemoryError):
        return not is_parser_limit(error)
    for one in _causes(error):
        if isinstance(one, (ImportError, OSError)) and _no_room_to_load.search(str(one)):
            return True
        if isinstance(one, OSError) and one.errno == errno.ENOMEM:
            return True
    return False


@_if_it_can_be_looked_at
def is_parser_limit(error):
    """Whether a MemoryError is that of Python's parser, for source that is nested too deeply."""
    if not isinstance(error, MemoryError):
        return False
    if str(error):
        return str(error).startswith("Parser stack overflowed")
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step is not None and _compiles.match(_running(step)) is not None


def line_for(error):
    """One line to stand behind the traceback of an error that nobody caught; "" if there is nothing to say."""
    found = _line_for(error)
    return f"\n({found})" if found else ""


@_if_it_can_be_looked_at
def _line_for(error):
    for one in _causes(error):
        for applies, text in _LINES:
            found = applies(one)
            if found:
                return text.format(found)
    return ""


def _causes(error):
    """The error, and those that led to it."""
    for _ in range(MOST_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _running(step):
    """The source of the instruction that a frame has come to."""
    code = step.tb_frame.f_code
    positions = list(code.co_positions())[step.tb_lasti // 2]
    if None in positions:
        return ""
    line, _, column, _ = positions
    return linecache.getline(code.co_filename, line).encode()[column:].decode("utf-8", "replace")


def _missing_module(error):
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name if "." not in error.name and error.msg == f"No module named {error.name!r}" else ""
    found = _dependency.search(str(error)) if isinstance(error, ImportError) else None
    return found[1] if found else ""


def _wants_network(error):
    if type(error).__name__ == "gaierror":
        return True
    return _is_refused(error) and _innermost_file(error).endswith("/socket.py")


def _wants_processes(error):
    file = _innermost_file(error)
    # A program that cannot be executed is EACCES.
    return _is_refused(error) and ("/multiprocessing/" in file or error.errno == errno.EPERM and file.endswith("/subprocess.py"))


def _is_refused(error):
    return isinstance(error, OSError) and error.errno in (errno.EPERM, errno.EACCES)


def _innermost_file(error):
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return "" if step is None else step.tb_frame.f_code.co_filename


def _unknown_locale(error):
    return type(error).__module__ == "locale" and type(error).__name__ == "Error"


def _lost_process(error):
    return type(error).__name__ == "BrokenProcessPool"


# What an error is, and what is said of it; {} is what was found.
_LINES = (
    (_missing_module, "There is no module {!r} here: " + _LISTED + "."),
    (_wants_network, "Scripts have no network and no sockets here: what they need goes in `files`, `args` or `stdin`."),
    (_wants_processes, "A job is one process here: it has threads, as of concurrent.futures.ThreadPoolExecutor, but nothing of "
     "subprocess or multiprocessing."),
    (_lost_process, "A process of the pool was ended: for memory, if all of the job's processes had more than `memory_mb`."),
    (_unknown_locale, "The locales here are C, C.UTF-8 and POSIX."),
    (is_parser_limit, "The source is nested too deeply for Python's parser, or too large for the memory of a job."),
)


def for_snippet(source):
    """What to do with a script that defines no function at all; "" for any other."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # given when it was compiled
            nodes = ast.walk(ast.parse(source))
            if not any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in nodes):
                return ', or be sent as "code": then the value of its last expression is the result'
    except Exception:  # a tree that is deeper than text may be
        pass
    return ""


def for_notebook(error):
    """Of a SyntaxError in a cell: what IPython knows and Python does not; "" for any other."""
    if _of_ipython.match((getattr(error, "text", None) or "").strip()):
        return "; the commands of IPython (%, ! and ?) are not Python, and there are none here"
    return ""
