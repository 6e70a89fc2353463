"""See whether a page of a shared file is cached, by a read that does not wait for the disk (RWF_NOWAIT)."""
import os


def attack(target):
    with open(os.__file__, "rb") as file:
        file.read(1)
        return os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT) == 1
