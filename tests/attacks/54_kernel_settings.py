"""Open for writing what chooses the programs that the kernel runs as root, and its magic keys."""
import os


def attack(target):
    opened = []
    for path in (
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/randomize_va_space",
        "/proc/sys/vm/drop_caches", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger",
        "/proc/self/oom_score_adj", "/proc/self/uid_map", "/proc/self/attr/exec",
    ):
        try:
            os.close(os.open(path, os.O_WRONLY))
            opened.append(path)
        except OSError:
            pass
    return opened
