"""Load a BPF map, open a performance counter."""
import ctypes
import os
import struct

SYS_BPF, SYS_PERF_EVENT_OPEN = {"x86_64": (321, 298), "aarch64": (280, 241)}[os.uname().machine]


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    array_map = struct.pack("<5I", 2, 4, 4, 1, 0) + bytes(100)
    counter = struct.pack("<IIQ", 1, 112, 0) + bytes(96)
    return [
        name
        for name, fd in (
            ("bpf", libc.syscall(SYS_BPF, 0, array_map, len(array_map))),
            ("perf", libc.syscall(SYS_PERF_EVENT_OPEN, counter, 0, -1, -1, 0)),
        )
        if fd >= 0
    ]
