"""Make a sibling instead of a child (CLONE_PARENT): it would be the zygote's to wait for."""
import ctypes
import os

SIGCHLD, CLONE_VM, CLONE_VFORK, CLONE_PARENT = 17, 0x100, 0x4000, 0x8000


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    stack = ctypes.create_string_buffer(65536)
    top = ctypes.c_void_p(ctypes.addressof(stack) + len(stack))
    end = ctypes.cast(libc._exit, ctypes.c_void_p)  # all that the sibling does
    flags = ctypes.c_int(CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD)
    if libc.clone(end, top, flags, None, None, None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
