"""The caller's functions, as the script sees them: a call goes to the server on the job's socket, and whoever called
waits until the answer has come back on it.

    the script's threads ── CALL ──▶ server ──▶ whoever has sent the job
                         ◀─ ANSWER ─        ◀──

One thread at a time reads the socket, for all: one that waits for an answer, or the event loop of a coroutine that does.
The server checks all of this anyway. What is refused here is refused in better words.
"""

import _thread
import asyncio
import json
import os
import sys
import threading
import types

import _pyexec_results as results

MODULE = "pyexec"  # modules of the script's own import the tools from it

_tools = {}  # of the request, by name
_limits = {}  # call_bytes, most_calls, most_at_once
_waiters = {}  # by the number of the call, once that is sent
_outboxes = {}  # by event loop: calls of this turn of it
_count = _sent = 0  # calls of the job, and those that were sent
_under_way = _bytes = 0  # calls without an answer, and bytes of their arguments
_nan = results.ERROR
_owner = None  # the process that may call; None: nobody
_wake_ends = None  # of a pipe that ends the reading
_getpid, _frames, _new_lock = os.getpid, sys._current_frames, _thread.allocate_lock
# Locks: of what is counted above; of the order of calls; of the socket; of the conversion of arguments.
_lock = _posting = _reading = _encoding = None
_send = _receive = _job_fd = None


class ToolError(Exception):
    """The answer of a tool was an error, or it could not be called."""
    __module__ = MODULE


class _Waiter:
    """A call, by a thread that waits. answer: (whether it is an error, text), once it is there."""

    answer = number = None
    is_left = is_counted_down = False  # nobody waits for it any more; it counts until it is answered

    def __init__(self, name, text):
        self.name, self.text, self.size = name, text, len(text)
        self.turn = _new_lock()
        self.turn.acquire()

    def wake(self):
        try:
            self.turn.release()
        except RuntimeError:  # it is awake
            pass

    def set(self, answer):
        self.answer = answer
        self.wake()

    def result(self):
        is_error, text = self.answer
        if is_error:
            raise ToolError(text)
        return json.loads(text)


class _AsyncWaiter(_Waiter):
    """A call, by a coroutine."""

    def __init__(self, name, text):
        super().__init__(name, text)
        self.loop = asyncio.get_running_loop()
        self.future = self.loop.create_future()

    def wake(self):
        try:
            self.loop.call_soon_threadsafe(self._finish)
        except RuntimeError:  # the loop is closed
            pass

    def _finish(self):
        if self.answer is not None and not self.future.done():
            self.future.set_result(None)


def connect(send, receive, job_fd):
    """In the zygote. send(number of the first, whether more may follow soon, [(name, arguments)]); receive(descriptor):
    (number, whether it is an error, text) of the next answer; None once the descriptor is readable; -1: if there is none.
    """
    global _send, _receive, _job_fd
    _send, _receive, _job_fd = send, receive, job_fd


def begin(text, nan, names):
    """Puts the functions that the request names among the script's names. text: JSON: the tools, their style, and the
    limits. nan: as in results.encode.
    """
    global _owner, _count, _sent, _under_way, _bytes, _nan, _wake_ends, _lock, _posting, _reading, _encoding
    told = json.loads(text)
    _tools.clear()
    _waiters.clear()
    _outboxes.clear()
    _count = _sent = _under_way = _bytes = 0
    _lock, _posting, _reading = _new_lock(), _new_lock(), _new_lock()  # a state may have been forked with one held
    _encoding = threading.RLock()
    _nan, _owner, _wake_ends = nan, _getpid(), os.pipe()
    _limits.update(told["limits"])
    make = _async_function if told["style"] == "async" else _function
    module = sys.modules[MODULE] = types.ModuleType(MODULE, "The tools of the caller of this job.")
    names["ToolError"] = module.ToolError = ToolError
    for tool in told["tools"]:
        tool = {"name": tool} if isinstance(tool, str) else tool
        name = tool["name"]
        _tools[name] = tool
        names[name] = module.__dict__[name] = make(tool)


def end():
    """No more calls: the job has come to its end. Afterwards nobody reads the socket."""
    global _owner
    if _owner != _getpid():
        return
    _owner = None
    sys.modules.pop(MODULE, None)
    os.write(_wake_ends[1], b"0")
    _reading.acquire()
    for waiter in list(_waiters.values()):
        waiter.set((True, "the job has come to its end"))
    for descriptor in _wake_ends:
        os.close(descriptor)


def _function(tool):
    def called(*args, **kwargs):
        waiter = _take_place(_Waiter, tool, args, kwargs)
        try:
            _post([waiter], 0)
            while waiter.answer is None:
                if _reading.acquire(False):
                    _read(_wake_ends[0])
                else:
                    waiter.turn.acquire()
        finally:
            _give_up_place(waiter)
        return waiter.result()

    return _named_after(called, tool)


def _async_function(tool):
    async def called(*args, **kwargs):
        waiter = _take_place(_AsyncWaiter, tool, args, kwargs)
        try:
            outbox = _outboxes.get(waiter.loop)
            if outbox is None:
                outbox = _outboxes[waiter.loop] = []
                waiter.loop.call_soon(_post_turn, waiter.loop)  # after what else this turn of the loop still runs
            outbox.append(waiter)
            await waiter.future
        finally:
            _give_up_place(waiter)
        return waiter.result()

    return _named_after(called, tool)


def _named_after(function, tool):
    function.__name__ = function.__qualname__ = tool["name"]
    function.__doc__ = tool.get("description")
    function.__module__ = MODULE
    return function


def _bound(tool, args, kwargs):
    """What the caller gets: an object of names and values, or a list of values that have no names."""
    name, schema = tool["name"], tool.get("input_schema")
    if not isinstance(schema, dict):
        if args and kwargs:
            raise TypeError(f"{name}() takes all of its arguments by name or none, as the request has no input_schema of it")
        return list(args) if args else kwargs
    known = schema.get("properties")
    known = list(known) if isinstance(known, dict) else []
    if len(args) > len(known):
        raise TypeError(f"{name}() takes {len(known)} positional arguments, but {len(args)} were given")
    bound = dict(zip(known, args))
    for key in kwargs:
        if key in bound:
            raise TypeError(f"{name}() got multiple values for argument {key!r}")
        if key not in known and schema.get("additionalProperties") is False:
            raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
    bound.update(kwargs)
    required = schema.get("required")
    missing = [repr(key) for key in required if key not in bound] if isinstance(required, list) else []
    if missing:
        raise TypeError(f"{name}() is called without {', '.join(missing)}")
    return bound


def _encoded(name, value):
    with _encoding:
        kept = results._converted[:]  # this may be called by what is being encoded
        try:
            return results.encode(value, _nan).encode("utf-8")
        except (TypeError, ValueError, OverflowError) as error:
            problem = results.text_of_problem(error, value, _nan, root="args")
            raise TypeError(f"{name}(): {problem}") from None
        finally:
            results._converted[:] = kept


def _take_place(kind, tool, args, kwargs):
    """Returns a new call. Raises ToolError if there may be none, or what the conversion of its arguments raises."""
    global _count, _bytes, _under_way
    name = tool["name"]
    if _owner is None or _tools.get(name) is not tool:
        raise ToolError(f"this request names no tool {name!r}")
    if _owner != _getpid():
        raise ToolError(f"{name}(): tools are called in the process that the script began in, not in a child of it")
    text = _encoded(name, _bound(tool, args, kwargs))
    with _lock:
        problem = None
        if _count >= _limits["most_calls"]:
            problem = f"more calls of tools than the limit of {_limits['most_calls']}"
        elif _under_way >= _limits["most_at_once"]:
            problem = f"more calls of tools wait for an answer than the limit of {_limits['most_at_once']}"
        elif _bytes + len(text) > _limits["call_bytes"]:
            problem = f"arguments of {_bytes + len(text)} bytes, more than the limit of {_limits['call_bytes']}"
        if problem is not None:
            raise ToolError(f"{name}(): {problem}")
        _count += 1
        _under_way += 1
        _bytes += len(text)
    return kind(name, text)


def _give_up_place(waiter):
    global _bytes, _under_way
    with _lock:
        waiter.is_left = True
        if waiter.answer is None and waiter.number is not None or waiter.is_counted_down:
            return
        waiter.is_counted_down = True
        _waiters.pop(waiter.number, None)
        _under_way -= 1
        _bytes -= waiter.size


def _is_sleeper(waiter):
    return type(waiter) is _Waiter and waiter.answer is None and not waiter.is_left


def _post(waiters, running):
    """running: threads of the job that are known to run, and to be about to wait."""
    global _sent
    with _posting:
        first = _sent + 1
        for waiter in waiters:
            _sent += 1
            waiter.number = _sent
            _waiters[_sent] = waiter
        waiting = sum(map(_is_sleeper, list(_waiters.values())))
        _send(first, len(_frames()) > waiting + running, [(waiter.name, waiter.text) for waiter in waiters])
        for waiter in waiters:
            waiter.text = None


def _post_turn(loop):
    waiters = [waiter for waiter in _outboxes.pop(loop, ()) if not waiter.future.done()]
    if waiters:
        loop.add_reader(_job_fd, _on_readable, loop)
        _post(waiters, 1)


def _on_readable(loop):
    if not any(type(waiter) is _AsyncWaiter and waiter.loop is loop for waiter in list(_waiters.values())):
        loop.remove_reader(_job_fd)
    elif _reading.acquire(False):
        _read(-1)


def _read(wake):
    """Takes an answer, if nothing on `wake` comes first. `_reading` is held, and is released."""
    try:
        answer = _receive(wake)
        if answer is not None:
            number, is_error, text = answer
            waiter = _waiters.get(number)
            if waiter is not None:
                waiter.set((is_error, text))
                if waiter.is_left:
                    _give_up_place(waiter)
    finally:
        _reading.release()
        for waiter in list(_waiters.values()):
            if _is_sleeper(waiter):
                waiter.wake()  # one of them reads on
