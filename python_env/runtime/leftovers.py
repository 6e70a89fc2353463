"""What a script wrote and left in the buffers of open files, when it ends: a plain Python writes it at its exit."""

import contextlib
import gc
import os
import stat
import sys
import types

# Found before any script can rebind them.
_fstat, _objects_of_gc, _suppress = os.fstat, gc.get_objects, contextlib.suppress


def write_out():
    """Flushes what goes to a regular file, or to what the job prints to: a pipe to somebody else may be full, and nobody
    reads it. Looks at what was made since the zygote's gc.freeze() alone; most jobs have made some hundred objects.
    """
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except Exception:  # None, or the script's own
            pass
    try:
        objects = _objects_of_gc()
    except MemoryError:  # of a list of them all
        objects = _objects_of_gc(0)
    kinds = _kinds(objects)
    steps = {id(kind): step for kind in kinds for step in [_step_of(kind)] if step is not None} if kinds else {}
    if not steps:
        return
    for step, end in enumerate((_flush, _close, _flush)):
        found = {kind for kind, its_step in steps.items() if its_step == step}
        if found:
            for one in [one for one in objects if id(type(one)) in found]:
                with _suppress(Exception):
                    end(one)


def _kinds(objects):
    try:
        return set(map(type, objects)) - _WITHOUT_FILES
    except Exception:  # of a metaclass that lets nobody compare its classes
        return {id(kind): kind for kind in map(type, objects)}.values()


def _step_of(kind):
    """When its objects have their turn: what is flushed or closed first writes to those behind it. By name, as nobody is
    to import a module for it, and issubclass() asks Python's code.
    """
    try:
        for base in kind.__mro__:
            step = _STEPS.get(base.__name__)
            if step is not None and base.__module__ == step[0]:
                return step[1]
    except Exception:  # of a metaclass: it is nobody's file
        pass
    return None


# Kinds of objects that nearly every job has made.
_WITHOUT_FILES = frozenset({
    dict, list, tuple, set, type, types.FunctionType, types.CellType, types.FrameType, types.MethodType, types.ModuleType,
    types.BuiltinFunctionType, types.TracebackType, types.GetSetDescriptorType, property, map,
})
# Class to module and step. Those of step 1 are whole only once they are closed.
_STEPS = {
    "TextIOWrapper": ("_io", 0), "GzipFile": ("gzip", 1), "BZ2File": ("bz2", 1), "LZMAFile": ("lzma", 1),
    "ZipFile": ("zipfile", 1), "BufferedWriter": ("_io", 2), "BufferedRandom": ("_io", 2),
}


def _flush(file):
    if not file.closed and _is_ours(file.fileno()):
        file.flush()


def _close(archive):
    inner = getattr(archive, "fp", archive)  # a ZipFile's
    if inner is not None and not getattr(inner, "closed", False) and _is_ours(inner.fileno()):
        archive.close()


def _is_ours(descriptor):
    state = _fstat(descriptor)
    if stat.S_ISREG(state.st_mode):
        return True
    return any((state.st_dev, state.st_ino) == (own.st_dev, own.st_ino) for own in map(_fstat, (1, 2)))
