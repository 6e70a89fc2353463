"""Attach to a process with ptrace."""
import ctypes
import os

PTRACE_SEIZE = 0x4206


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in (target["victim_pid"], 1):
        if libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0:
            return pid
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
