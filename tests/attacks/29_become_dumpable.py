"""Make oneself traceable again and leave a core."""
import ctypes
import os

PR_SET_DUMPABLE = 4


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
