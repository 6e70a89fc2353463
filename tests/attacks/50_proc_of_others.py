"""What /proc shows of others: memory, layout, files, and a way around every mount."""
import os


def attack(target):
    got = []
    names = ("mem", "maps", "root", "cwd", "fd", "task", "cmdline", "stack", "syscall", "wchan", "ns", "map_files")
    for pid in (target["victim_pid"], 1):
        for name in names:
            try:
                os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
                got.append([pid, name])
            except OSError:
                pass
        try:
            got.append([pid, os.readlink(f"/proc/{pid}/exe")])
        except OSError:
            pass
    return got
