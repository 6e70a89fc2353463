"""Advice that reaches beyond oneself: lose pages as faulty, merge them with others' equal ones, push them out."""
import ctypes
import mmap

ADVICE = {"MADV_HWPOISON": (100, 0), "MADV_SOFT_OFFLINE": (101, 0), "MADV_MERGEABLE": (12, 4096),
          "MADV_PAGEOUT": (21, 4096), "MADV_COLLAPSE": (25, 0), "MADV_POPULATE_WRITE": (23, 4096)}


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    memory = mmap.mmap(-1, 4096)
    memory[0] = 1
    address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    # A page is never really made faulty: of length 0, advice is only looked up.
    return [
        name for name, (advice, size) in ADVICE.items() if libc.madvise(address, ctypes.c_size_t(size), advice) == 0
    ]
