"""Make a sibling instead of a child (CLONE_PARENT): it would be the zygote's to wait for."""
import ctypes
import os

SYS_CLONE, SIGCHLD, CLONE_PARENT = 56, 17, 0x8000


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    pid = libc.syscall(SYS_CLONE, ctypes.c_ulong(CLONE_PARENT | SIGCHLD), None, None, None, None)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
