"""Signal a process through a pidfd, and take a descriptor out of it."""
import ctypes
import os
import signal

SYS_PIDFD_GETFD = 438


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    got = []
    for pid in (target["victim_pid"], 1):
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            signal.pidfd_send_signal(pidfd, 0)
            got.append(f"signal to {pid}")
        except OSError:
            pass
        taken = libc.syscall(SYS_PIDFD_GETFD, pidfd, 0, 0)
        if taken >= 0:
            os.close(taken)
            got.append(f"descriptor of {pid}")
        os.close(pidfd)
    return got
