"""Type into a terminal (TIOCSTI), paste into a console (TIOCLINUX); also with a bit set that the kernel ignores."""
import ctypes
import errno
import os

SYS_IOCTL = {"x86_64": 16, "aarch64": 29}[os.uname().machine]
TIOCSTI, TIOCLINUX, IGNORED = 0x5412, 0x541C, 1 << 32


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    terminals = [0, 1, 2, 3]
    for path in ("/dev/tty0", "/dev/console", "/dev/tty"):
        try:
            terminals.append(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
        except OSError:
            pass
    try:
        terminals += os.openpty()
    except OSError:
        pass
    typed = []
    for request in (TIOCSTI, TIOCLINUX, TIOCSTI | IGNORED, TIOCLINUX | IGNORED):
        for fd in terminals:
            # Nothing is typed: a bad pointer is found out by who may.
            libc.syscall(SYS_IOCTL, fd, ctypes.c_ulong(request), None)
            if ctypes.get_errno() == errno.EFAULT:
                typed.append([fd, hex(request)])
            ctypes.set_errno(0)
    for fd in terminals[4:]:
        os.close(fd)
    return typed
