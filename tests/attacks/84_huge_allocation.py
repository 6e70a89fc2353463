"""Map far more memory than a job may have."""
import mmap

MAP_NORESERVE = 0x4000


def attack(target):
    got = []
    for name, flags in {"private": mmap.MAP_PRIVATE, "shared": mmap.MAP_SHARED}.items():
        try:
            mmap.mmap(-1, 32 << 30, flags | mmap.MAP_ANONYMOUS | MAP_NORESERVE).close()
            got.append(name)
        except OSError:
            pass
    return got
