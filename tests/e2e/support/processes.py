"""The processes below a service."""

import subprocess


def children_of(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(line) for line in out.split()]


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
