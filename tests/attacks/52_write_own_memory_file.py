"""Write into a read-only mapping of a shared library through /proc/self/mem, which heeds no page protection."""
import ctypes


def attack(target):
    address = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p).value & ~0xFFF
    same = ctypes.string_at(address, 1)
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(address)
        return memory.write(same) == 1
