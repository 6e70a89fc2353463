# What the worker was given: descriptors, environment, memory.
# A part of the self-test: attack.py comes before it.

import ctypes
import locale
import os
import platform
import pwd
import signal
import socket
import stat
import sys
import time
import uuid


@attack
def inherited_descriptors():
    """Hold a descriptor that nobody meant to hand down."""
    got = []
    for fd in range(STANDARD_DESCRIPTORS, 1024):
        try:
            os.fstat(fd)
            got.append(str(fd))
        except OSError:
            pass
    return " ".join(got)


@attack
def standard_descriptors():
    """Find a directory, a disk, a terminal, a listener or a network connection among the expected descriptors."""
    got = []
    for fd in range(STANDARD_DESCRIPTORS):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or os.isatty(fd):
            got.append(f"{fd} has mode {mode:o}")
        if stat.S_ISSOCK(mode):
            end = socket.socket(fileno=os.dup(fd))
            with end:
                if end.family != socket.AF_UNIX or end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    got.append(f"{fd} is a socket of family {end.family}")
    return ", ".join(got)


@attack
def service_environment():
    """Read the service's settings, in the environment or where the kernel once put it on the stack."""
    found = {name for name in os.environ if name.startswith("PYEXEC_")}
    word = ctypes.c_ssize_t.in_dll(LIBC, "__libc_stack_end").value
    count = ctypes.c_ssize_t.from_address(word).value
    slot = word + 8 * (count + 2)  # past the count, the arguments and their null
    while address := ctypes.c_size_t.from_address(slot).value:
        entry = ctypes.string_at(address)
        if entry.startswith(b"PYEXEC_"):
            found.add(entry.split(b"=")[0].decode())
        slot += 8
    return " ".join(sorted(found))


@attack
def remembered_host():
    """Ask Python what it has kept from before there was a jail: names of the host, and states of other descriptors."""
    listed = set(getattr(sys.path_importer_cache.get("/tmp"), "_path_cache", ()))
    try:
        listed -= set(os.listdir("/tmp"))
    except OSError:
        pass  # not the job's: no name of it is
    mask = os.umask(0o022)
    return any_of({
        "host name": lambda: platform.uname().node != os.uname().nodename,
        "host name in platform()": lambda: bool(platform._platform_cache),
        "network card": lambda: uuid._node is not None,
        "files": lambda: bool(listed),
        "accounts": lambda: bool({entry.pw_name for entry in pwd.getpwall()} - {"pyexec", "root", "nobody"}),
        "home": lambda: os.path.expanduser("~") not in ("/tmp", os.environ["TMPDIR"]),
        "time zone": lambda: time.tzname != ("UTC", "UTC") or time.localtime(0).tm_hour != 0,
        "locale": lambda: locale.setlocale(locale.LC_CTYPE) != "C.UTF-8",
        "arguments": lambda: bool(sys.orig_argv),
        "umask": lambda: mask != 0o022,
        "blocked signals": lambda: bool(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "seekable output": lambda: sys.stdout.seekable() or sys.stderr.seekable(),
    })
