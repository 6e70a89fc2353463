"""Look for what another job has written, wherever jobs may write."""
import os


def attack(target):
    found = []
    beside = os.path.dirname(os.getcwd())
    for top in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", *([beside] if beside != "/" else [])):
        for folder, below, names in os.walk(top):
            if folder.count("/") > 6:
                below.clear()
            for name in names:
                path = os.path.join(folder, name)
                try:
                    if os.path.isfile(path) and open(path, "rb").read(64) == target["secret"].encode():
                        found.append(path)
                except OSError:
                    pass
    return found
