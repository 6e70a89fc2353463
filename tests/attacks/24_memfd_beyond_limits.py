"""Keep data in a memfd, which no address space limit counts."""
import os


def attack(target):
    fd = os.memfd_create("pyexec")
    return os.write(fd, b"x" * 4096) == 4096
