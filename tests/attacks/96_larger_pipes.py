"""Have the kernel hold a megabyte in a pipe."""
import fcntl
import os

F_SETPIPE_SZ = 1031


def attack(target):
    reader, writer = os.pipe()
    try:
        return fcntl.fcntl(writer, F_SETPIPE_SZ, 1 << 20) >= 1 << 20
    finally:
        os.close(reader)
        os.close(writer)
