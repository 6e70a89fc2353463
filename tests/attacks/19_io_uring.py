"""Set up io_uring, whose operations no system call filter sees."""
import ctypes
import os

SYS_IO_URING_SETUP = 425


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(fd)
    return True
