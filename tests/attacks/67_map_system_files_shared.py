"""Map a file that all jobs read so that stores go to all of them, and write it in place. Stores nothing."""
import mmap
import os


def attack(target):
    got = []
    for path in (os.__file__, "/usr/bin/env", "/etc/ld.so.cache"):
        try:
            fd = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE).close()
            got.append(["map", path])
            os.pwritev(fd, [b""], 0, os.RWF_DSYNC)
            got.append(["write", path])
        except OSError:
            pass
        finally:
            os.close(fd)
    return got
