# Take over the parent
# about: "The system call filter knows neither ptrace nor the reading of another process's memory."
# outcomes: ["ok"]

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
CALLS = {
    "ptrace (attach)": lambda pid: libc.ptrace(16, pid, None, None),
    "process_vm_readv": lambda pid: libc.process_vm_readv(pid, None, 0, None, 0, 0),
    "pidfd_open": lambda pid: libc.syscall(434, pid, 0),
    "kcmp": lambda pid: libc.syscall(312, pid, os.getpid(), 0, 0, 0),
}


def main():
    seen = {}
    for name, call in CALLS.items():
        ctypes.set_errno(0)
        done = call(os.getppid())
        seen[name] = f"stopped: {os.strerror(ctypes.get_errno())}" if done < 0 else f"ANSWERED {done}"
    return seen
