"""The processes below a service."""

import subprocess


def children_of(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(line) for line in out.split()]


def name_of(pid):
    """Empty for one that has ended meanwhile: jobs' processes are still being taken apart when their answer is there."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants_of(pid):
    """But for the holder of the service's uids, which lives as long as that."""
    found = [child for child in children_of(pid) if name_of(child) != "pyexec-uids"]
    return found + [deeper for child in found for deeper in descendants_of(child)]


def jailer_pid(service):
    return next(p for p in children_of(service.zygote_pid()) if "jailer" in name_of(p))


def is_alive(pid):
    """Has memory, so is neither gone nor dying: whoever adopts what a killed server left may be slow to reap."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False
