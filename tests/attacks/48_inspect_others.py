"""Learn about another process's memory, and treat it as one's own: the calls beside ptrace."""
import ctypes
import os
import struct

SYS_KCMP, SYS_GET_ROBUST_LIST, SYS_MIGRATE_PAGES, SYS_MOVE_PAGES = {
    "x86_64": (312, 274, 256, 279), "aarch64": (272, 100, 238, 239),
}[os.uname().machine]
SYS_PROCESS_MADVISE, MADV_COLD, KCMP_VM = 440, 20, 1


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    head, size = ctypes.c_void_p(), ctypes.c_size_t()
    node = struct.pack("=Q", 1)
    got = []
    for pid in (target["victim_pid"], 1):
        results = {
            "kcmp": libc.syscall(SYS_KCMP, os.getpid(), pid, KCMP_VM, 0, 0),
            "locks": libc.syscall(SYS_GET_ROBUST_LIST, pid, ctypes.byref(head), ctypes.byref(size)),
            "migrate": libc.syscall(SYS_MIGRATE_PAGES, pid, ctypes.c_ulong(64), node, node),
            "move": libc.syscall(SYS_MOVE_PAGES, pid, ctypes.c_ulong(0), None, None, None, 0),
        }
        try:
            pidfd = os.pidfd_open(pid)
            vector = struct.pack("=QQ", 0, 0)
            results["advise"] = libc.syscall(SYS_PROCESS_MADVISE, pidfd, vector, ctypes.c_size_t(1), MADV_COLD, 0)
            os.close(pidfd)
        except OSError:
            pass
        got += [[pid, name] for name, result in results.items() if result >= 0]
    return got
