"""Lock bytes of a file that all jobs can read, or ask who has: a message to a neighbour."""
import fcntl
import os
import struct

F_OFD_GETLK, F_OFD_SETLK = 36, 37


def attack(target):
    lock = struct.pack("=hhiqqii", fcntl.F_RDLCK, os.SEEK_SET, 0, 1000, 1, 0, 0)
    got = []
    with open(os.__file__, "rb") as file:
        for name, command in {
            "set": fcntl.F_SETLK, "ask": fcntl.F_GETLK, "set by file": F_OFD_SETLK, "ask by file": F_OFD_GETLK,
        }.items():
            try:
                fcntl.fcntl(file, command, lock)
                got.append(name)
            except OSError:
                pass
    return got
