"""Set the times of a file that anybody may write to, and that is the host's."""
import os

NOT_PROMISED_ON = {"gvisor": "devices are writable there", "cloud_run_gen1": "devices are writable there"}


def attack(target):
    got = []
    for path, inode in target["host_files"].items():
        state = os.stat(path)
        if inode not in (None, [state.st_dev, state.st_ino]):
            continue
        try:
            os.utime(path)
            got.append(path)
        except OSError:
            pass
    return got
