"""What a script wrote and left in the buffers of open files, when it ends: a plain Python writes it at its exit."""

import contextlib
import gc
import io
import os
import stat
import sys

# Found before any script can rebind them. The order: what is closed or flushed first writes to those behind it.
_TEXTS, _BUFFERS = (io.TextIOWrapper,), (io.BufferedWriter, io.BufferedRandom)
# Files that are whole only once they are closed, and where they come from.
_ARCHIVES = (("gzip", "GzipFile"), ("bz2", "BZ2File"), ("lzma", "LZMAFile"), ("zipfile", "ZipFile"))
_fstat = os.fstat


def write_out():
    """Flushes what goes to a regular file, or to what the job prints to: a pipe to somebody else may be full, and nobody
    reads it. Looks at what was made since the zygote's gc.freeze() alone; most jobs have made some hundred objects.
    """
    try:
        objects = gc.get_objects()
    except MemoryError:  # of a list of them all
        objects = gc.get_objects(0)
    kinds = set(map(type, objects))
    archives = tuple(filter(None, map(_archive, _ARCHIVES)))
    for classes, end in ((_TEXTS, _flush), (archives, _close), (_BUFFERS, _flush)):
        found = tuple(kind for kind in kinds if issubclass(kind, classes))
        if found:
            for one in [one for one in objects if type(one) in found]:
                with contextlib.suppress(Exception):
                    end(one)


def _archive(row):
    module = sys.modules.get(row[0])
    return getattr(module, row[1], None) if module is not None else None


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
