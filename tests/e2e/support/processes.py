"""The processes below a service."""

import os


def seen_children(pid):
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError):  # it has ended, or a thread of it
        pass
    return sorted(found)


def children_of(pid):
    """Read until two reads agree: the kernel leaves some out if others end meanwhile."""
    before, now = None, seen_children(pid)
    while before != now:
        before, now = now, seen_children(pid)
    return now


def name_of(pid):
    """Returns "" for a process that has ended: jobs' processes may still be torn down after their answer."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants_of(pid):
    """Leaves out the holder of the service's uids, which lives as long as the service."""
    found = [child for child in children_of(pid) if name_of(child) != "pyexec-uids"]
    return found + [deeper for child in found for deeper in descendants_of(child)]


def jailer_pid(service):
    return next(p for p in children_of(service.zygote_pid()) if "jailer" in name_of(p))


def is_alive(pid):
    """Whether the process has memory, so is neither gone nor dying: orphans of a killed server may be reaped late."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False
