# What two jobs could tell each other by: locks, caches, keyrings, shared memory.
# A part of the self-test: attack.py comes before it.

import ctypes
import fcntl
import functools
import mmap
import os
import struct


def files_of_the_host():
    """What other jobs open too: what has the same inode here as on the host."""
    opened = {}
    for path, inode in TARGET["host_files"].items():  # noqa: F821
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        state = os.fstat(file)
        if (state.st_dev, state.st_ino) == tuple(inode):
            opened[path] = file
        else:
            os.close(file)
    return opened


def locks_of(ways):
    """Every way {label: function of a descriptor} to lock each of them."""
    files = files_of_the_host()
    try:
        return any_of({
            f"{label} on {path}": functools.partial(way, file)
            for path, file in files.items() for label, way in ways.items()
        })
    finally:
        for file in files.values():
            os.close(file)


@attack
def file_locks():
    """Lock a file that every job can read."""
    return locks_of({
        "LOCK_SH": lambda file: fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
        "LOCK_EX": lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB),
    })


@attack
def record_locks():
    """Lock a part of a file that every job can read, or ask who has."""
    whole = struct.pack("=hhiqqii", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 1, 0, 0)
    commands = {"F_SETLK": fcntl.F_SETLK, "F_GETLK": fcntl.F_GETLK, "F_OFD_SETLK": 37, "F_OFD_GETLK": 36}
    return locks_of({
        name: functools.partial(lambda command, file: fcntl.fcntl(file, command, whole), command)
        for name, command in commands.items()
    })


@attack
def shared_futexes():
    """Wake whoever waits on the same page of a file. Where jobs have processes of their own, their semaphores are such
    futexes, and SECURITY.md says that this is a channel."""
    if os.getpid() == FIRST_IN_JAIL:
        return ""
    LIBC.mmap.restype = ctypes.c_void_p
    with open(SHARED_FILE, "rb") as file:
        page = LIBC.mmap(None, ctypes.c_size_t(PAGE), mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), ctypes.c_long(0))
    return any_of({"FUTEX_WAKE": lambda: call("futex", ctypes.c_void_p(page), 1, 1)})


@attack
def leases():
    """Hear when somebody opens or changes a file."""
    directory = os.open("/usr/lib", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open(SHARED_FILE, "rb") as file:
            return any_of({
                "F_SETLEASE": lambda: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
                "F_UNLEASE": lambda: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK),
                "F_NOTIFY": lambda: fcntl.fcntl(directory, fcntl.F_NOTIFY, fcntl.DN_ACCESS),
                "F_NOTIFY off": lambda: fcntl.fcntl(directory, fcntl.F_NOTIFY, 0),
            })
    finally:
        os.close(directory)


@attack
def watches():
    """Watch what other jobs open."""
    return any_of({
        "inotify": lambda: descriptor("inotify_init1", os.O_CLOEXEC),
        "fanotify": lambda: descriptor("fanotify_init", 0x200 | 1, 0),
    })


@attack
def cached_pages():
    """See which pages of shared files others have used."""
    memory, address = page()
    with open(SHARED_FILE, "rb") as file:
        return any_of({
            "mincore": lambda: call("mincore", address, PAGE, ctypes.create_string_buffer(1)),
            "cachestat": lambda: call("cachestat", file.fileno(), struct.pack("=QQ", 0, PAGE), bytes(40), 0),
        })


@attack
def shared_memory():
    """Make a System V segment."""
    call("shmctl", call("shmget", IPC_PRIVATE, PAGE, 0o600), IPC_RMID, 0)
    return "a segment"


@attack
def message_queues():
    """Make a System V message queue and a POSIX one."""
    def posix():
        fd = call("mq_open", b"pyexec-selftest", os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o600, 0)
        os.close(fd)
        call("mq_unlink", b"pyexec-selftest")

    return any_of({
        "System V": lambda: call("msgctl", call("msgget", IPC_PRIVATE, 0o600), IPC_RMID, 0),
        "POSIX": posix,
    })


@attack
def semaphores():
    """Make System V semaphores."""
    call("semctl", call("semget", IPC_PRIVATE, 1, 0o600), 0, IPC_RMID, 0)
    return "a set"


@attack
def add_key():
    """Put a key into a keyring."""
    return f"key {call('add_key', b'user', b'pyexec-selftest', b'x', 1, -2)}"


@attack
def request_key():
    """Ask for a key."""
    return reaches("request_key", b"user", b"pyexec-selftest", 0, 0)


@attack
def keyrings():
    """Find the session's keyring."""
    return f"keyring {call('keyctl', 0, -3, 0)}"
