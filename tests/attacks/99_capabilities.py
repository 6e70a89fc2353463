"""Put on a capability, or other groups."""
import ctypes
import os
import struct

VERSION_3, CAP_SYS_ADMIN = 0x20080522, 1 << 21


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", VERSION_3, 0)
    sets = ctypes.create_string_buffer(24)
    libc.capget(header, sets)
    words = list(struct.unpack("=6I", sets.raw))
    got = ["some are left"] if any(words) else []
    words[0] |= CAP_SYS_ADMIN
    words[1] |= CAP_SYS_ADMIN
    if libc.capset(header, struct.pack("=6I", *words)) == 0:
        got.append("put on")
    for name, change in {"groups": lambda: os.setgroups([4]), "group": lambda: os.setresgid(0, 0, 0)}.items():
        try:
            change()
            got.append(name)
        except OSError:
            pass
    return got
