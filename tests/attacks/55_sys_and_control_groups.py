"""Read and write /sys: control groups above all (a release agent runs as root on the host)."""
import glob
import os


def attack(target):
    opened = []
    places = ["/sys", "/sys/fs/cgroup", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/firmware", "/sys/class/net"]
    files = [*glob.glob("/sys/fs/cgroup/*/release_agent"), *glob.glob("/sys/fs/cgroup/*/tasks"), "/sys/power/state",
             "/sys/fs/cgroup/cgroup.procs", "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled"]
    for path, flags in [*((place, os.O_RDONLY) for place in places), *((file, os.O_WRONLY) for file in files)]:
        try:
            os.close(os.open(path, flags))
            opened.append(path)
        except OSError:
            pass
    return opened
