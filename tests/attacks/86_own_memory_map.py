"""Tell the kernel lies about one's own layout and program (PR_SET_MM)."""
import ctypes
import os

PR_SET_MM, PR_SET_MM_MAP_SIZE = 35, 15


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    size = ctypes.c_uint()
    if libc.prctl(PR_SET_MM, ctypes.c_ulong(PR_SET_MM_MAP_SIZE), ctypes.byref(size), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return size.value
