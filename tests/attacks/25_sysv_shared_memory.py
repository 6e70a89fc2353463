"""Make a System V segment, which outlives its maker."""
import ctypes
import os

IPC_PRIVATE, IPC_RMID = 0, 0


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(IPC_PRIVATE, 4096, 0o600)
    if segment < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    libc.shmctl(segment, IPC_RMID, None)
    return True
