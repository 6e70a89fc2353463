"""Attacks the jail from inside. This file and those beside it are one script, joined in the order that CMakeLists.txt
names, with main.py last. The server runs it in a real worker before it opens its port, with one line
in front of it:

    TARGET = {"server_pid": int, "zygote_pid": int, "tcp_port": int, "abstract_name": str,
              "host_files": {path: (device, inode)}, "platform": str}

main() returns {"attacks": {name: outcome}}: null for an attack that was refused, a short text that says what it got for
one that was not. Nothing here harms the host if it works, blocks, or leaves anything behind.

An attack raises OSError if it is refused. Another exception is a defect of the attack, and shows as "broken: ...".
Where a call would do harm, it is made with arguments that the kernel refuses only after it has agreed that the caller
may make it; that other errno is the outcome (`reaches`).
"""

import ctypes
import errno
import mmap
import os
import struct

COLUMN = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
NUMBERS = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "cachestat": (451, 451), "capget": (125, 90),
    "capset": (126, 91), "clone3": (435, 435), "fanotify_init": (300, 262), "fsopen": (430, 430), "fspick": (433, 433),
    "futex": (202, 98), "timer_create": (222, 107),
    "get_robust_list": (274, 100), "init_module": (175, 105), "inotify_init1": (294, 26), "io_setup": (206, 0),
    "io_uring_setup": (425, 425), "ioctl": (16, 29), "ioprio_set": (251, 30), "kcmp": (312, 272),
    "kexec_load": (246, 104), "keyctl": (250, 219), "listmount": (458, 458), "madvise": (28, 233),
    "memfd_secret": (447, 447), "migrate_pages": (256, 238), "mincore": (27, 232), "mlock": (149, 228),
    "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429), "mq_open": (240, 180),
    "mq_unlink": (241, 181), "msgctl": (71, 187), "msgget": (68, 186), "munlock": (150, 229),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "prctl": (157, 167), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "reboot": (169, 142),
    "request_key": (249, 218), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "sched_setattr": (314, 274), "seccomp": (317, 277), "semctl": (66, 191), "semget": (64, 190),
    "setfsgid": (123, 152), "setfsuid": (122, 151), "sethostname": (170, 161), "setns": (308, 268),
    "settimeofday": (164, 170), "shmctl": (31, 195), "shmget": (29, 194), "swapon": (167, 224), "syslog": (103, 116),
    "tee": (276, 77), "tgkill": (234, 131), "tkill": (200, 130), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282), "vmsplice": (278, 75),
}

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ESRCH)
PAGE = mmap.PAGESIZE
AT_FDCWD = -100
IPC_PRIVATE = IPC_RMID = 0
SHARED_FILE = os.__file__  # every job can read it
FIRST_IN_JAIL = 2  # the number of the worker in a pid namespace of its jail
STANDARD_DESCRIPTORS = 4  # stdin, stdout, stderr, the job socket
SCRATCH = os.path.join(os.environ.get("TMPDIR", "/tmp"), "selftest")

ATTACKS = []


def attack(function):
    """Registers an attack. They are made in the order in which they are defined. CMake counts the lines "@attack"."""
    ATTACKS.append(function)
    return function


def call(name, *arguments):
    """A system call by its number, all six registers set."""
    padded = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    padded += [ctypes.c_long(0)] * (6 - len(padded))
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *padded)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def reaches(name, *arguments):
    """A call that fails for its arguments once the caller is allowed to make it."""
    try:
        call(name, *arguments)
    except OSError as error:
        if error.errno in REFUSALS:
            raise
        return f"{name} got as far as {errno.errorcode.get(error.errno, error.errno)}"
    return f"{name} succeeded"


def descriptor(name, *arguments):
    """A call whose whole point is the descriptor that it returns."""
    os.close(call(name, *arguments))
    return f"{name} returned a descriptor"


def any_of(attempts):
    """Makes every attempt of {label: function}, whichever are refused; returns the labels of those that worked."""
    got = []
    for label, attempt in attempts.items():
        try:
            if attempt() is not False:
                got.append(str(label))
        except OSError:
            pass
    return " ".join(got)


def others():
    """Who holds power here. Within a pid namespace one of these numbers can happen to be one's own."""
    return [pid for pid in (TARGET["server_pid"], TARGET["zygote_pid"]) if pid != os.getpid()]  # noqa: F821


def on_others(attempt):
    return any_of({pid: lambda pid=pid: attempt(pid) for pid in others()})


def page():
    """An anonymous page and its address."""
    memory = mmap.mmap(-1, PAGE)
    memory[0] = 1
    return memory, ctypes.addressof(ctypes.c_char.from_buffer(memory))


def io_vector(address, size):
    return struct.pack("=QQ", address, size)


def opens(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
