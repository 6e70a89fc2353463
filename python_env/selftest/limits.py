# More than a job's share, and the whole machine.
# A part of the self-test: attack.py comes before it.

import ctypes
import mmap
import os
import resource
import struct


@attack
def raise_limits():
    """Raise one's hard limits."""
    def attempt(limit):
        soft, hard = resource.getrlimit(limit)
        if hard == resource.RLIM_INFINITY:
            return limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CORE)  # nothing to raise
        resource.prlimit(0, limit, (soft, hard + 1))

    names = ("AS", "CPU", "FSIZE", "NOFILE", "NPROC", "CORE", "MEMLOCK", "STACK", "RTPRIO", "NICE", "MSGQUEUE",
             "SIGPENDING")
    return any_of({name: lambda name=name: attempt(getattr(resource, "RLIMIT_" + name)) for name in names})


@attack
def real_time():
    """Run before everybody else."""
    deadline = struct.pack("=IIQiIQQQ", 48, 6, 0, 0, 0, 1_000_000, 10_000_000, 10_000_000)
    return any_of({
        "SCHED_FIFO": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "SCHED_DEADLINE": lambda: call("sched_setattr", 0, deadline, 0),
        "SCHED_OTHER": lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)),
        "nice": lambda: os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 1),
        "affinity": lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)),
    })


@attack
def lock_memory():
    """Keep 16 MiB from being reclaimed."""
    size = 16 << 20
    memory = mmap.mmap(-1, size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call("mlock", address, size)
    call("munlock", address, size)
    return f"{size} bytes"


@attack
def whole_machine():
    """Make the calls that are about the whole machine, each with arguments that make it do nothing."""
    name = os.uname().nodename.encode()
    absent = os.path.join(SCRATCH, "absent").encode()
    return any_of({
        "acct": lambda: reaches("acct", absent),
        "init_module": lambda: reaches("init_module", 0, 0, b""),
        "kexec_load": lambda: reaches("kexec_load", 0, 0, 0, 0xFF),
        "reboot": lambda: reaches("reboot", 0, 0, 0, 0),
        "sethostname": lambda: call("sethostname", name, len(name)),
        "settimeofday": lambda: call("settimeofday", 0, 0),
        "swapon": lambda: reaches("swapon", absent, 0),
        "syslog": lambda: call("syslog", 10, 0, 0),
    })
