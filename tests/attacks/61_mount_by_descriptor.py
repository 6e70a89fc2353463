"""Mount with the calls that work on descriptors instead of on paths."""
import ctypes
import os
import struct

SYS_OPEN_TREE, SYS_FSOPEN, SYS_FSPICK, SYS_MOUNT_SETATTR = 428, 430, 433, 442
AT_FDCWD, OPEN_TREE_CLONE, MOUNT_ATTR_NOATIME = -100, 1, 0x10


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    results = {
        "open_tree": libc.syscall(SYS_OPEN_TREE, AT_FDCWD, b"/usr", OPEN_TREE_CLONE),
        "fsopen": libc.syscall(SYS_FSOPEN, b"tmpfs", 0),
        "fspick": libc.syscall(SYS_FSPICK, AT_FDCWD, b"/", 0),
    }
    for fd in results.values():
        if fd >= 0:
            os.close(fd)
    attributes = struct.pack("=4Q", MOUNT_ATTR_NOATIME, 0, 0, 0)
    size = ctypes.c_size_t(len(attributes))
    results["mount_setattr"] = libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, b"/", 0, attributes, size)
    return [name for name, result in results.items() if result >= 0]
