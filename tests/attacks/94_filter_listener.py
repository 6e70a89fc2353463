"""Install a system call filter of one's own: one whose answers a program has to wait for, and a plain one."""
import ctypes
import os
import struct

SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
SECCOMP_SET_MODE_FILTER, NEW_LISTENER, PR_SET_SECCOMP, MODE_FILTER = 1, 8, 22, 2
ALLOW = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(ALLOW)
    program = struct.pack("=H6xQ", 1, ctypes.addressof(code))
    got = []
    for flags in (NEW_LISTENER, 0):
        result = libc.syscall(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, flags, program)
        if result >= 0:
            got.append(flags)
        if result > 0:
            os.close(result)
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program) == 0:
        got.append("prctl")
    return got
