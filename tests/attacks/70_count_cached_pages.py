"""See which pages of a shared file others have used lately: mincore and cachestat."""
import ctypes
import mmap
import os
import struct

SYS_CACHESTAT = 451


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    got = []
    with open(os.__file__, "rb") as file:
        counts = ctypes.create_string_buffer(40)
        if libc.syscall(SYS_CACHESTAT, file.fileno(), struct.pack("=QQ", 0, 0), counts, 0) == 0:
            got.append("cachestat")
    memory = mmap.mmap(-1, 4096)
    address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    if libc.mincore(address, ctypes.c_size_t(4096), ctypes.create_string_buffer(1)) == 0:
        got.append("mincore")
    return got
