"""Calls that few programs make any more: asynchronous I/O, segment tables, ports, remapped pages, protection keys."""
import ctypes
import os

NUMBERS = {
    "x86_64": {"io_setup": 206, "modify_ldt": 154, "iopl": 172, "remap_file_pages": 216, "pkey_alloc": 330,
               "personality": 135, "memfd_secret": 447, "quotactl_fd": 443},
    "aarch64": {"io_setup": 0, "remap_file_pages": 234, "pkey_alloc": 289, "personality": 92, "memfd_secret": 447},
}[os.uname().machine]
KEEP_PERSONALITY = 0xFFFFFFFF


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    context = ctypes.c_ulong()
    arguments = {"io_setup": (1, ctypes.byref(context)), "modify_ldt": (0, ctypes.create_string_buffer(64), 64),
                 "iopl": (0,), "pkey_alloc": (0, 0), "personality": (ctypes.c_ulong(KEEP_PERSONALITY),)}
    return [
        name for name, number in NUMBERS.items()
        if libc.syscall(number, *arguments.get(name, (0, 0, 0, 0, 0))) >= 0
    ]
