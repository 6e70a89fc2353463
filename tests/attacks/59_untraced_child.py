"""Make a child that hides from its tracer, or that one's tracer gets; with threads' flags as a disguise as well."""
import ctypes
import os

SIGCHLD, CLONE_VM, CLONE_FILES, CLONE_VFORK = 17, 0x100, 0x400, 0x4000
CLONE_PTRACE, CLONE_UNTRACED = 0x2000, 0x800000


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    stack = ctypes.create_string_buffer(65536)
    top = ctypes.c_void_p(ctypes.addressof(stack) + len(stack))
    end = ctypes.cast(libc._exit, ctypes.c_void_p)
    made = []
    for flag in (CLONE_PTRACE, CLONE_UNTRACED, CLONE_PTRACE | CLONE_FILES, CLONE_UNTRACED | CLONE_FILES):
        pid = libc.clone(end, top, ctypes.c_int(CLONE_VM | CLONE_VFORK | flag | SIGCHLD), None, None, None, None)
        if pid > 0:
            os.waitpid(pid, 0)
            made.append(hex(flag))
    return made
