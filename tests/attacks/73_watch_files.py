"""Watch what neighbours open and read."""
import ctypes
import os

SYS_FANOTIFY_INIT = {"x86_64": 300, "aarch64": 262}[os.uname().machine]


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_CLOEXEC)
    got = []
    if watch >= 0:
        got += ["inotify"] if libc.inotify_add_watch(watch, b"/usr/lib", 0x20) >= 0 else []
        os.close(watch)
    watch = libc.syscall(SYS_FANOTIFY_INIT, 0x200, 0)
    if watch >= 0:
        os.close(watch)
        got.append("fanotify")
    return got
