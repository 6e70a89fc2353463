"""Make one's parent the tracer, which is then told of each signal before one gets it."""
import ctypes
import os

PTRACE_TRACEME = 0


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_TRACEME, 0, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
