"""What a job is given: files, standard input, variables of its environment, and what main() is called with."""

import inspect
import json
import os
import stat
import sys
import tempfile
import time

import _pyexec_world as world

PIPE_BYTES = 65536  # that a new pipe holds, while its user has not many of them


def take(arguments, stdin, files, variables, session_directory=None):
    """Returns what main() is to be called with.

    session_directory: where a session's files lie, whose working directory is its own; None: there is no session.
    """
    if session_directory is not None:
        _write(session_directory, files, "wb")
    elif files:
        os.chdir(os.environ["TMPDIR"])
        _write("", files, "xb")
    if stdin:
        _put_on_stdin(stdin)
    elif session_directory is not None and not stat.S_ISCHR(os.fstat(0).st_mode):
        _use_for_stdin(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # instead of an earlier cell's
    for name, value in variables:
        os.environ[name] = value.decode("utf-8")
        if name == "TZ":
            time.tzset()
    if not arguments:
        return (), {}
    values = json.loads(arguments)
    return (values, {}) if isinstance(values, list) else ((), values)


def _write(directory, files, mode):
    for name, data in files:
        path = os.path.join(directory, name)
        inside = os.path.dirname(path)
        if inside:
            os.makedirs(inside, exist_ok=True)
        with open(path, mode) as file:
            file.write(data)


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
    _use_for_stdin(read_end)


def _use_for_stdin(descriptor):
    os.dup2(descriptor, 0)
    os.close(descriptor)
    sys.stdin = sys.__stdin__ = world.new_stdin()


def mismatch(main, args, kwargs, name="main", what="'args'"):
    """Why the function cannot be called so, in words that name the parameter; None if it can. what: they are called."""
    try:
        signature = inspect.signature(main)
    except (TypeError, ValueError):  # a callable that does not tell
        return None
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return f"{what} do not fit {name}{signature}: {error}"
    return None
