"""Leave a key in a keyring, for a later job to find."""
import ctypes
import os

SYS_ADD_KEY = {"x86_64": 248, "aarch64": 217}[os.uname().machine]
KEY_SPEC_PROCESS_KEYRING = -2


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    key = libc.syscall(SYS_ADD_KEY, b"user", b"pyexec", b"x", 1, KEY_SPEC_PROCESS_KEYRING)
    if key < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
