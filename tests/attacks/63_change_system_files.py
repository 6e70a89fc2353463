"""Change modes, owners and times of files that all jobs read; each to what it is."""
import os
import stat


def attack(target):
    path = os.__file__
    now = os.stat(path)
    mode, times = stat.S_IMODE(now.st_mode), (now.st_atime_ns, now.st_mtime_ns)
    fd = os.open(path, os.O_RDONLY)
    changed = []
    for name, change in {
        "chmod": lambda: os.chmod(path, mode),
        "fchmod": lambda: os.fchmod(fd, mode),
        "chown": lambda: os.chown(path, now.st_uid, now.st_gid),
        "fchown": lambda: os.fchown(fd, now.st_uid, now.st_gid),
        "lchown": lambda: os.lchown(path, now.st_uid, now.st_gid),
        "utime": lambda: os.utime(path, ns=times),
        "futime": lambda: os.utime(fd, ns=times),
        "attribute": lambda: (os.setxattr(path, "user.pyexec", b"x"), os.removexattr(path, "user.pyexec")),
        "truncate": lambda: os.truncate(path, now.st_size),
    }.items():
        try:
            change()
            changed.append(name)
        except OSError:
            pass
    os.close(fd)
    return changed
