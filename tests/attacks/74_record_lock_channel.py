"""Lock bytes of a file that all jobs can open, by the host's own inode, or ask who has: a message to a neighbour."""
import fcntl
import os
import struct

F_OFD_GETLK, F_OFD_SETLK = 36, 37


def attack(target):
    lock = struct.pack("=hhiqqii", fcntl.F_RDLCK, os.SEEK_SET, 0, 1000, 1, 0, 0)
    got = []
    commands = {
        "set": fcntl.F_SETLK, "ask": fcntl.F_GETLK, "set by file": F_OFD_SETLK, "ask by file": F_OFD_GETLK,
    }
    for path, inode in target["host_files"].items():
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if inode not in (None, [state.st_dev, state.st_ino]):
                continue  # another file in its place, which is the job's own
            for name, command in commands.items():
                try:
                    fcntl.fcntl(file, command, lock)
                    got.append(f"{name} {path}")
                except OSError:
                    pass
    return got
