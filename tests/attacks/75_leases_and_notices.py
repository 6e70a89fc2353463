"""Hear when others open a file or look into a directory; hold up those who want to write."""
import fcntl
import os
import signal


def attack(target):
    got = []
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # what the kernel tells by: somebody may look into the directory just then
    with open(os.__file__, "rb") as file:
        for kind in (fcntl.F_RDLCK, fcntl.F_UNLCK):
            try:
                fcntl.fcntl(file, fcntl.F_SETLEASE, kind)
                got.append(["lease", kind])
            except OSError:
                pass
    directory = os.open("/usr/lib", os.O_RDONLY)
    try:
        fcntl.fcntl(directory, fcntl.F_NOTIFY, fcntl.DN_ACCESS)
        got.append("notice")
        fcntl.fcntl(directory, fcntl.F_NOTIFY, 0)
    except OSError:
        pass
    os.close(directory)
    return got
