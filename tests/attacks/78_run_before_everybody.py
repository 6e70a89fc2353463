"""Run before everybody else, or keep others from a processor."""
import ctypes
import os
import struct

SYS_SCHED_SETATTR, SYS_IOPRIO_SET = {"x86_64": (314, 251), "aarch64": (274, 30)}[os.uname().machine]
REAL_TIME_DISK = 1 << 13
SCHED_DEADLINE = 6


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    done = []
    for name, policy in {"SCHED_FIFO": os.SCHED_FIFO, "SCHED_RR": os.SCHED_RR}.items():
        try:
            os.sched_setscheduler(0, policy, os.sched_param(1))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            done.append(name)
        except OSError:
            pass
    deadline = struct.pack("=IIQiIQQQ", 48, SCHED_DEADLINE, 0, 0, 0, 1_000_000, 10_000_000, 10_000_000)
    if libc.syscall(SYS_SCHED_SETATTR, 0, deadline, 0) == 0:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        done.append("SCHED_DEADLINE")
    if libc.syscall(SYS_IOPRIO_SET, 1, 0, REAL_TIME_DISK) == 0:
        done.append("disk")
    return done
