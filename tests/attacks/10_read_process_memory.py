"""Read another process's memory with process_vm_readv."""
import ctypes
import os


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        while True:
            os.pause() if hasattr(os, "pause") else __import__("signal").pause()
    buffer = ctypes.create_string_buffer(64)
    here = IoVec(ctypes.addressof(buffer), 64)
    try:
        # The child's memory is a copy of ours, so that the address is good.
        if libc.process_vm_readv(child, ctypes.byref(here), 1, ctypes.byref(here), 1, 0) == 64:
            return True
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
