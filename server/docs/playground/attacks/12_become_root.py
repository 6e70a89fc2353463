# Become root
# about: "No capabilities, no new privileges, no namespaces and no mounts: there is nothing to become root with."
# outcomes: ["ok"]

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def try_call(function, *args):
    ctypes.set_errno(0)
    return f"stopped: {os.strerror(ctypes.get_errno())}" if function(*args) < 0 else "DONE"


def main():
    return {
        "setuid(0)": try_call(libc.setuid, 0),
        "unshare (a user namespace)": try_call(libc.unshare, 0x10000000),
        "mount": try_call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, None),
        "chroot": try_call(libc.chroot, b"/tmp"),
        "bpf": try_call(libc.syscall, 321, 0, None, 0),
        "keyctl": try_call(libc.syscall, 250, 0, 0, 0, 0, 0),
        "io_uring_setup": try_call(libc.syscall, 425, 8, None),
    }
