# System calls that have had many holes.
# A part of the self-test: attack.py comes before it.

import ctypes
import errno
import fcntl
import os
import socket
import struct


@attack
def io_uring():
    """Set up io_uring, whose operations no system call filter sees."""
    return descriptor("io_uring_setup", 4, ctypes.create_string_buffer(120))


@attack
def bpf_map():
    """Make a BPF map."""
    request = struct.pack("=5I", 2, 4, 4, 1, 0) + bytes(100)
    return descriptor("bpf", 0, request, len(request))


@attack
def performance_counters():
    """Count events, one's own and the server's."""
    counter = struct.pack("=IIQ", 1, 112, 0) + bytes(96)
    attempts = {"own": lambda: descriptor("perf_event_open", counter, 0, -1, -1, 0)}
    attempts |= {pid: lambda pid=pid: descriptor("perf_event_open", counter, pid, -1, -1, 0) for pid in others()}
    return any_of(attempts)


@attack
def user_faults():
    """Get a userfaultfd, which holds the kernel at a page for as long as one likes."""
    return descriptor("userfaultfd", os.O_CLOEXEC)


@attack
def splice():
    """Move a read-only file's pages into a pipe (CVE-2022-0847 began so)."""
    source = os.open(SHARED_FILE, os.O_RDONLY | os.O_CLOEXEC)
    reader, writer = os.pipe()
    try:
        return f"{os.splice(source, writer, 1, offset_src=1)} byte"
    finally:
        for fd in (source, reader, writer):
            os.close(fd)


@attack
def tee():
    """Share one pipe's pages with another."""
    first, second = os.pipe(), os.pipe()
    try:
        os.write(first[1], b"x")
        return f"{call('tee', first[0], second[1], 1, 2)} byte"
    finally:
        for fd in (*first, *second):
            os.close(fd)


@attack
def vmsplice():
    """Put one's own pages into a pipe."""
    memory, address = page()
    reader, writer = os.pipe()
    try:
        return f"{call('vmsplice', writer, io_vector(address, 1), 1, 2)} byte"
    finally:
        os.close(reader)
        os.close(writer)


@attack
def memory_files():
    """Keep data where no address space limit counts it."""
    return any_of({
        "memfd_create": lambda: os.close(os.memfd_create("selftest")),
        "memfd_secret": lambda: descriptor("memfd_secret", 0),
    })


@attack
def asynchronous_io():
    """Set up the old asynchronous I/O."""
    call("io_setup", 1, ctypes.byref(ctypes.c_ulong(0)))
    return "a context"


@attack
def memory_advice():
    """Merge pages with other processes' equal ones, push them out, lose them as faulty."""
    memory, address = page()
    return any_of({
        "MADV_MERGEABLE": lambda: call("madvise", address, PAGE, 12),
        "MADV_PAGEOUT": lambda: call("madvise", address, PAGE, 21),
        "MADV_HWPOISON": lambda: call("madvise", address, 0, 100),
    })


@attack
def terminal_input():
    """Type into a terminal (TIOCSTI), with and without a bit that the kernel ignores; a bad pointer types nothing."""
    request, got = 0x5412, []
    for fd in range(STANDARD_DESCRIPTORS):
        for disguise in (0, 1 << 32):
            try:
                call("ioctl", fd, request | disguise, 0)
            except OSError as error:
                if error.errno == errno.EFAULT:
                    got.append(f"descriptor {fd}")
    try:
        controller, terminal = os.openpty()
    except OSError:
        return " ".join(got)
    try:
        return " ".join(got) + any_of({
            hex(disguise): lambda disguise=disguise: call("ioctl", terminal, request | disguise, b"x")
            for disguise in (0, 1 << 32)
        })
    finally:
        os.close(controller)
        os.close(terminal)


@attack
def console_selection():
    """Paste into a console (TIOCLINUX), by a bad pointer."""
    got = []
    for path in ("/dev/tty0", "/dev/tty1", "/dev/console", "/dev/tty"):
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            call("ioctl", fd, 0x541C, 0)
        except OSError as error:
            if error.errno == errno.EFAULT:
                got.append(path)
        finally:
            os.close(fd)
    return " ".join(got)


@attack
def disguised_ioctl():
    """Set a bit of the request that the kernel ignores, and that a filter might not (CVE-2019-10063)."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        number = struct.pack("=i", os.getpid())
        return any_of({
            hex(disguise): lambda disguise=disguise: call("ioctl", ends[0].fileno(), 0x8901 | disguise, number)
            for disguise in (1 << 32, 1 << 63)
        })


@attack
def larger_pipes():
    """Have the kernel hold more in a pipe."""
    reader, writer = os.pipe()
    try:
        return f"{fcntl.fcntl(writer, 1031, 1 << 20)} bytes"
    finally:
        os.close(reader)
        os.close(writer)
