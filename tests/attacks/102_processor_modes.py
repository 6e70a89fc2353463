"""Ask for processor modes past thread-local storage: CPUID faulting, register state, address tags, shadow stacks."""
import ctypes
import os

SYS_ARCH_PRCTL = 158
CODES = {"CPUID": 0x1011, "supported state": 0x1021, "permitted state": 0x1022, "guest state": 0x1024, "tag mask": 0x4001,
         "shadow stack": 0x5005}
PR_GET_TAGGED_ADDR_CTRL = 56


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    out = ctypes.create_string_buffer(64)
    if os.uname().machine == "aarch64":  # where prctl does it
        return libc.prctl(PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0) >= 0
    return [name for name, code in CODES.items() if libc.syscall(SYS_ARCH_PRCTL, code, out) != -1]
