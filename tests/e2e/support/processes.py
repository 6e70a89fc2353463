"""The processes below a service."""

from pathlib import Path


def children_of(pid):
    """Of all its threads. Empty if it has ended."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            found += map(int, (thread / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return sorted(found)


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
