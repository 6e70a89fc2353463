"""Make a namespace through clone, with the high half of the flags set as a disguise, and through clone3."""
import ctypes
import os
import struct

SYS_CLONE, SYS_CLONE3 = {"x86_64": 56, "aarch64": 220}[os.uname().machine], 435
SIGCHLD, CLONE_NEWUSER, CLONE_NEWTIME = 17, 0x10000000, 0x80


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long

    def makes_child(number, first, second):
        pid = libc.syscall(ctypes.c_long(number), first, second, None, None, None, None)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            os.waitpid(pid, 0)
        return pid > 0

    made = []
    for flags in (CLONE_NEWUSER | SIGCHLD, CLONE_NEWUSER | SIGCHLD | 1 << 32):
        if makes_child(SYS_CLONE, ctypes.c_ulong(flags), None):
            made.append(hex(flags))
    for flags in (CLONE_NEWUSER, CLONE_NEWTIME):
        arguments = struct.pack("<8Q", flags, 0, 0, 0, SIGCHLD, 0, 0, 0)
        if makes_child(SYS_CLONE3, arguments, ctypes.c_size_t(len(arguments))):
            made.append(f"clone3 {flags:#x}")
    return made
