"""Mount a file system."""
import ctypes
import os


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    os.makedirs("/tmp/mount-point", exist_ok=True)
    if libc.mount(b"none", b"/tmp/mount-point", b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    libc.umount2(b"/tmp/mount-point", 2)
    os.rmdir("/tmp/mount-point")
    return True
