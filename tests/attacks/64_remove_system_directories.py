"""Remove a system directory, or rename another over it: that they are not empty is said only to who may."""
import errno
import os


def attack(target):
    reached = []
    for name, change in {
        "rmdir": lambda: os.rmdir("/usr/lib"), "rename": lambda: os.rename("/usr/lib", "/usr/bin"),
    }.items():
        try:
            change()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                continue
        reached.append(name)
    return reached
