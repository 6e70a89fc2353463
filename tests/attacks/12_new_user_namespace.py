"""Make a user namespace, and with it capabilities."""
import ctypes
import os

CLONE_NEWUSER = 0x10000000


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
