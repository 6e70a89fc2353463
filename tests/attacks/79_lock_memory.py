"""Keep memory from being reclaimed, so that others' is."""
import ctypes
import mmap


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    size = 16 << 20
    memory = mmap.mmap(-1, size)
    address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    locked = [name for name, result in {
        "mlock": libc.mlock(address, ctypes.c_size_t(size)),
        "mlock2": libc.mlock2(address, ctypes.c_size_t(size), 1),
        "mlockall": libc.mlockall(4),
    }.items() if result == 0]
    libc.munlockall()
    return locked
