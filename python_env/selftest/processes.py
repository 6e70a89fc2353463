# Signals to other processes, and looks into them.
# A part of the self-test: attack.py comes before it.

import ctypes
import fcntl
import functools
import os
import resource
import signal
import socket
import struct
import time


@attack
def signal_server():
    """Signal the server."""
    return on_others(lambda pid: os.kill(pid, 0))


@attack
def signal_by_thread():
    """Signal the server through the calls that name threads, and with a value attached."""
    queued = struct.pack("=iii", 0, 0, -1) + bytes(116)
    return on_others(lambda pid: any_of({
        "tgkill": lambda: call("tgkill", pid, pid, 0),
        "tkill": lambda: call("tkill", pid, 0),
        "rt_sigqueueinfo": lambda: call("rt_sigqueueinfo", pid, 0, queued),
        "rt_tgsigqueueinfo": lambda: call("rt_tgsigqueueinfo", pid, pid, 0, queued),
    }) or False)


@attack
def signal_groups():
    """Signal everybody, and the server's process group."""
    def group_of(pid):
        group = os.getpgid(pid)
        if group in (0, os.getpgrp()):  # 0: not of this namespace, and to kill(2) one's own
            raise ProcessLookupError(pid)
        os.killpg(group, 0)

    attempts = {"everybody": lambda: os.kill(-1, 0)}
    attempts |= {f"group {pid}": lambda pid=pid: os.kill(-pid, 0) for pid in others()}
    attempts |= {f"group of {pid}": lambda pid=pid: group_of(pid) for pid in others()}
    return any_of(attempts)


@attack
def signal_by_pidfd():
    """Signal the server through a pidfd."""
    def attempt(pid):
        fd = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(fd, 0)
        finally:
            os.close(fd)

    return on_others(attempt)


@attack
def signal_by_owner():
    """Make the server the owner of a descriptor, so that the kernel signals it."""
    reader, writer = os.pipe()
    ends = socket.socketpair()
    try:
        with ends[0], ends[1]:
            owner = others()[0] if others() else 1
            number = struct.pack("=i", owner)
            return any_of({
                "F_SETOWN": lambda: fcntl.fcntl(reader, fcntl.F_SETOWN, owner),
                "F_SETOWN_EX": lambda: fcntl.fcntl(reader, 15, struct.pack("=ii", 1, owner)),
                "F_SETSIG": lambda: fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGUSR1),
                "FIOSETOWN": lambda: call("ioctl", ends[0].fileno(), 0x8901, number),
                "SIOCSPGRP": lambda: call("ioctl", ends[0].fileno(), 0x8902, number),
            })
    finally:
        os.close(reader)
        os.close(writer)


@attack
def memory_of_server():
    """Read and write the server's memory, by a wrong address: another errno than for who may not."""
    buffer = ctypes.create_string_buffer(8)
    here, there = io_vector(ctypes.addressof(buffer), 8), io_vector(0, 8)
    return on_others(lambda pid: any_of({
        name: lambda name=name: reaches(name, pid, here, 1, there, 1, 0)
        for name in ("process_vm_readv", "process_vm_writev")
    }) or False)


@attack
def trace_server():
    """Attach to the server with ptrace, and let go again."""
    seize, interrupt, detach, wait_all = 0x4206, 0x4207, 17, 0x40000000

    def attempt(pid):
        call("ptrace", seize, pid, 0, 0)
        call("ptrace", interrupt, pid, 0, 0)
        for _ in range(100_000):
            if os.waitpid(pid, os.WNOHANG | wait_all)[0]:
                break
        call("ptrace", detach, pid, 0, 0)

    return on_others(attempt)


@attack
def proc_of_server():
    """Read what /proc shows of the server."""
    names = ("environ", "mem", "maps", "cmdline", "root", "cwd", "fd", "task", "ns/net", "stack")
    attempts = {}
    for pid in (*others(), 1):
        attempts |= {f"{pid}/{name}": lambda path=f"/proc/{pid}/{name}": opens(path) for name in names}
        links = [f"/proc/{pid}/{name}" for name in ("exe", "root")]
        attempts |= {f"link {path}": lambda path=path: os.readlink(path) for path in links}
    return any_of(attempts)


@attack
def limits_of_server():
    """Read the server's resource limits; who may can change them."""
    return on_others(lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE))


@attack
def processors_of_server():
    """Choose the server's processors."""
    return on_others(lambda pid: os.sched_setaffinity(pid, os.sched_getaffinity(0)))


@attack
def priority_of_server():
    """Change when the server runs."""
    return on_others(lambda pid: any_of({
        "setpriority": lambda: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0)),
        "setscheduler": lambda: os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0)),
        "ioprio_set": lambda: call("ioprio_set", 1, pid, 2 << 13 | 4),
    }) or False)


@attack
def compare_with_server():
    """Ask whether two processes share kernel objects: that tells where those lie."""
    return on_others(lambda pid: call("kcmp", os.getpid(), pid, 1, 0, 0))


@attack
def descriptor_of_server():
    """Take a descriptor out of the server."""
    def attempt(pid):
        fd = os.pidfd_open(pid)
        try:
            os.close(call("pidfd_getfd", fd, 0, 0))
        finally:
            os.close(fd)

    return on_others(attempt)


@attack
def clock_of_server():
    """Read and arm the processor time of another process: the number of such a clock is made of a pid."""
    def arm(clock):
        event = ctypes.create_string_buffer(struct.pack("=qii", 0, signal.SIGUSR1, 1) + bytes(48))  # SIGEV_NONE
        call("timer_create", clock, event, ctypes.byref(ctypes.c_int()))

    # In a pid namespace of the jail, 1 is its own init.
    clocks = {pid: (~pid << 3) | 2 for pid in others() if pid != 1 or os.getpid() != FIRST_IN_JAIL}
    return any_of(
        {f"read {pid}": functools.partial(time.clock_gettime, clock) for pid, clock in clocks.items()}
        | {f"arm {pid}": functools.partial(arm, clock) for pid, clock in clocks.items()}
    )


@attack
def advise_server():
    """Have the server's pages thrown out, or the dead server's freed."""
    def attempt(pid):
        fd = os.pidfd_open(pid)
        try:
            return any_of({
                "process_madvise": lambda: call("process_madvise", fd, io_vector(0, 0), 1, 20, 0),
                "process_mrelease": lambda: reaches("process_mrelease", fd, 0),
            }) or False
        finally:
            os.close(fd)

    return on_others(attempt)


@attack
def locks_of_server():
    """Learn where the server's threads keep their locks."""
    head, size = ctypes.c_void_p(), ctypes.c_size_t()
    return on_others(lambda pid: call("get_robust_list", pid, ctypes.byref(head), ctypes.byref(size)))


@attack
def pages_of_server():
    """Move the server's memory between nodes."""
    nodes = struct.pack("=Q", 1)
    return on_others(lambda pid: call("migrate_pages", pid, 64, nodes, nodes))


@attack
def signal_init():
    """Signal pid 1, whoever that is here."""
    os.kill(1, 0)
    return "pid 1"
