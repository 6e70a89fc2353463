"""The set-up of a template: what it must not leave behind, because the jobs that are forked from it would share it."""

import _thread
import gc
import os
import signal
import sys
import threading

from _pyexec_report_kinds import EXCEPTION, VALUE

SETUP = 1  # TemplatePart of job.h
NAME = "<template>"  # of the set-up's code

# Found before any script can rebind them.
_fstat, _objects_of_gc = os.fstat, gc.get_objects
_frozen, _unfreeze, _threads, _set_timer = gc.get_freeze_count, gc.unfreeze, _thread._count, signal.setitimer
# Class to module, of objects whose memory is shared with whoever is forked from their owner.
_SHARED = {"mmap": "mmap", "SharedMemory": "multiprocessing.shared_memory", "SemLock": "multiprocessing.synchronize"}
_MOST_DESCRIPTORS = 65536


class Before:
    """What there is before the set-up."""

    def __init__(self):
        import resource  # what the zygote has imported, no self-test finds missing in its jail

        self.most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], _MOST_DESCRIPTORS)  # a set-up can lower it
        self.descriptors, self.frozen = self.open_descriptors(), _frozen()

    def open_descriptors(self):
        """Numbers of all that are open, without the standard streams."""
        return {number for number in range(3, self.most) if _is_open(number)}


def finish(kind, text, before):
    """What a set-up comes to that has ended so: it fails if no job can be forked from this process."""
    if kind != VALUE:
        return kind, text
    left = _leftovers(before)
    if left:
        return EXCEPTION, f"The set-up of a template must not leave {left}."
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        _set_timer(timer, 0)
    # What there is now is not looked at by a job's garbage collection, which would copy its pages.
    gc.collect()
    gc.freeze()
    return kind, text


def _leftovers(before):
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if threads or _threads() > 0:
        return f"threads: {', '.join(threads) or 'of _thread'}. A fork does not have them: join them, or leave a `with` that ends them"
    if _frozen() != before.frozen:  # what the script has frozen is in no list
        _unfreeze()
    objects = _objects_of_gc()
    shared = sorted({type(one).__name__ for one in objects if _is_shared(type(one)) and not _is_closed(one)})
    if shared:
        return f"memory that its jobs would share: {', '.join(shared)}. Close it, or copy what it holds"
    files = before.open_descriptors() - before.descriptors
    if files:
        names = sorted(_name_of(number, objects) for number in files)
        return f"open files, which its jobs would share: {', '.join(names)}. Close them, or use a `with` statement"
    return ""


def _is_open(number):
    try:
        _fstat(number)
    except OSError:
        return False
    return True


def _is_shared(kind):
    try:
        return any(_SHARED.get(base.__name__) == base.__module__ for base in kind.__mro__)
    except Exception:  # of a metaclass
        return False


def _is_closed(one):
    try:
        return getattr(one, "closed", False) or getattr(one, "buf", one) is None
    except Exception:  # its own
        return False


def _name_of(number, objects):
    """Of the Python object that has it open, if there is one."""
    io = sys.modules["_io"]
    for one in objects:
        try:
            if isinstance(one, (io.FileIO, io.TextIOWrapper)) and not one.closed and one.fileno() == number:
                return str(one.name)
        except Exception:  # its own
            continue
    return f"descriptor {number}"
