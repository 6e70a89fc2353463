"""Learn that paths of the host exist."""
import os

LEVELS = (3, 4)  # Landlock, which stands in for a root of one's own below, does not hide names


def attack(target):
    paths = (target["secret_file"], "/etc/passwd", "/proc/self", "/sys/kernel", "/root", "/var", "/sbin/init", "/boot")
    return [path for path in paths if os.path.lexists(path)]
