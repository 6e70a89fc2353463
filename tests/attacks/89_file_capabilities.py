"""Give a file of one's own capabilities, or a setting that its readers heed."""
import os
import struct


def attack(target):
    path = os.path.join(os.getcwd(), "pyexec-capable")
    open(path, "w").close()
    try:
        os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 21, 0, 0, 0))
        return True
    finally:
        os.unlink(path)
