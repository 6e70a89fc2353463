"""Bind a directory elsewhere, make the root writable, unmount scratch, swap the root."""
import ctypes
import errno
import os

SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
MS_BIND, MS_REMOUNT, MNT_DETACH = 4096, 32, 2


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    place = os.path.join(os.getcwd(), "pyexec-mount-point")
    os.makedirs(place, exist_ok=True)
    path = place.encode()
    done = []
    if libc.mount(b"/usr", path, None, ctypes.c_ulong(MS_BIND), None) == 0:
        done.append("bind")
        if libc.mount(None, path, None, ctypes.c_ulong(MS_BIND | MS_REMOUNT), None) == 0:
            done.append("writable")
        libc.umount2(path, MNT_DETACH)
    # These cannot be done, which only those hear who may do them.
    if libc.umount2(path, 0) == 0 or ctypes.get_errno() == errno.EINVAL:
        done.append("unmount")
    if libc.syscall(SYS_PIVOT_ROOT, b"/", b"/") == 0 or ctypes.get_errno() in (errno.EBUSY, errno.EINVAL):
        done.append("pivot_root")
    os.rmdir(place)
    return done
