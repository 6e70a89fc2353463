"""Make a node for the first disk."""
import os
import stat


def attack(target):
    os.mknod("/tmp/pyexec-disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0))
    os.unlink("/tmp/pyexec-disk")
    return True
