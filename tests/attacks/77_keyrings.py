"""Find keyrings and keys, and ask the kernel to have one made: it starts a program as root for that."""
import ctypes
import errno
import os

SYS_REQUEST_KEY, SYS_KEYCTL = {"x86_64": (249, 250), "aarch64": (218, 219)}[os.uname().machine]
KEYCTL_GET_KEYRING_ID, KEYCTL_GET_PERSISTENT, KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING = 0, 22, -3, -4


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    got = []
    for ring in (KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING):
        if libc.syscall(SYS_KEYCTL, KEYCTL_GET_KEYRING_ID, ring, 0) >= 0:
            got.append(ring)
    if libc.syscall(SYS_REQUEST_KEY, b"user", b"pyexec-attack", None, 0) >= 0 or ctypes.get_errno() == errno.ENOKEY:
        got.append("request")
    return got
