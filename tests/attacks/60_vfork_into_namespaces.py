"""Start children that share one's memory, as vfork does, in namespaces of their own."""
import ctypes
import os

SIGCHLD, CLONE_VM, CLONE_VFORK = 17, 0x100, 0x4000
FLAGS = {"mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000,
         "pid": 0x20000000, "net": 0x40000000}


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    stack = ctypes.create_string_buffer(65536)
    top = ctypes.c_void_p(ctypes.addressof(stack) + len(stack))
    end = ctypes.cast(libc._exit, ctypes.c_void_p)
    made = []
    for kind, flag in FLAGS.items():
        pid = libc.clone(end, top, ctypes.c_int(CLONE_VM | CLONE_VFORK | flag | SIGCHLD), None, None, None, None)
        if pid > 0:
            os.waitpid(pid, 0)
            made.append(kind)
    return made
