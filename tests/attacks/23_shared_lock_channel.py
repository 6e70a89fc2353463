"""Lock a file that all jobs can read: a neighbour sees it."""
import fcntl


def attack(target):
    with open("/usr/bin/env") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
