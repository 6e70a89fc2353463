"""Decide where and when another process runs."""
import ctypes
import os

SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}[os.uname().machine]
WHO_PROCESS, BEST_EFFORT = 1, 2 << 13 | 4


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    done = []
    for pid in (target["victim_pid"], 1):
        attempts = {
            "processors": lambda: os.sched_setaffinity(pid, os.sched_getaffinity(pid)),
            "priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid)),
            "scheduler": lambda: os.sched_setscheduler(pid, os.sched_getscheduler(pid), os.sched_getparam(pid)),
        }
        for name, attempt in attempts.items():
            try:
                attempt()
                done.append([pid, name])
            except OSError:
                pass
        if pid != 1 and libc.syscall(SYS_IOPRIO_SET, WHO_PROCESS, pid, BEST_EFFORT) == 0:
            done.append([pid, "disk"])
    return done
