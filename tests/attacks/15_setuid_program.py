"""Find a program that would give its caller root: set-user-id, on a mount and in a process that honour it."""
import ctypes
import os

PR_GET_NO_NEW_PRIVS = 39


def attack(target):
    if ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0:
        return []
    return [
        entry.path
        for entry in os.scandir("/usr/bin")
        if entry.stat(follow_symlinks=False).st_mode & 0o4000 and not os.statvfs(entry.path).f_flag & os.ST_NOSUID
    ]
