"""Read memory with process_vm_readv: another process's, and one's own as if it were another's."""
import ctypes
import errno
import os


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer, secret = ctypes.create_string_buffer(6), ctypes.create_string_buffer(b"secret", 6)
    here, there = IoVec(ctypes.addressof(buffer), 6), IoVec(ctypes.addressof(secret), 6)
    read = []
    if libc.process_vm_readv(os.getpid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0) == 6:
        read.append(buffer.raw)
    # A bad address is found out only once the process may be read.
    there.base = None
    libc.process_vm_readv(target["victim_pid"], ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if ctypes.get_errno() == errno.EFAULT:
        read.append("victim")
    return read
