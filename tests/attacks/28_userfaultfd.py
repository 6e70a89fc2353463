"""Get a userfaultfd, which holds kernel code at a page fault for as long as one likes."""
import ctypes
import os

SYS_USERFAULTFD = {"x86_64": 323, "aarch64": 282}[os.uname().machine]


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_USERFAULTFD, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(fd)
    return True
