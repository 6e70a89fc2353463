"""Calls that are about the whole machine, each with arguments that make it do nothing where it works."""
import ctypes
import errno
import os

NUMBERS = {
    "x86_64": {"acct": 163, "swapon": 167, "reboot": 169, "sethostname": 170, "settimeofday": 164, "syslog": 103,
               "init_module": 175, "kexec_load": 246, "adjtimex": 159},
    "aarch64": {"acct": 89, "swapon": 224, "reboot": 142, "sethostname": 161, "settimeofday": 170, "syslog": 116,
                "init_module": 105, "kexec_load": 104, "adjtimex": 171},
}[os.uname().machine]


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    name = os.uname().nodename.encode()
    arguments = {
        "acct": (b"/pyexec-absent",), "swapon": (b"/pyexec-absent", 0), "reboot": (0, 0, 0, None),
        "syslog": (10, None, 0),
        "sethostname": (name, ctypes.c_size_t(len(name))), "settimeofday": (None, None),
        "init_module": (None, ctypes.c_ulong(0), b""), "kexec_load": (None, None, None, ctypes.c_ulong(0xFF)),
        "adjtimex": (ctypes.create_string_buffer(256),),
    }
    return [
        call for call, number in NUMBERS.items()
        if libc.syscall(number, *arguments[call]) >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS)
    ]
