"""What /proc shows of oneself: how one was started, the host's mounts and control groups."""
import os


def attack(target):
    got = []
    for name in ("environ", "cmdline", "mountinfo", "cgroup", "status", "limits", "auxv", "fd", "attr/current"):
        try:
            os.close(os.open(f"/proc/self/{name}", os.O_RDONLY))
            got.append(name)
        except OSError:
            pass
    return got
