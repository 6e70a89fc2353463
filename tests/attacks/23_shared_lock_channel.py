"""Lock a file that all jobs can open, by the host's own inode: a neighbour sees it."""
import fcntl
import os


def attack(target):
    got = []
    for path, inode in target["host_files"].items():
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if inode not in (None, [state.st_dev, state.st_ino]):
                continue  # another file in its place, which is the job's own
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                got.append(path)
            except OSError:
                pass
    return got
