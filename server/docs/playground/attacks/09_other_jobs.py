# Read another job's files
# about: "Every job has a /tmp of its own, empty when it begins, and sees no process but its own."
# outcomes: ["ok"]

import os


def main():
    seen = {}
    for folder in "/tmp", "/var/tmp", "/dev/shm", "/home", "/proc", "/run":
        try:
            entries = sorted(os.listdir(folder))
            seen[folder] = entries[:10] if entries else "empty"
        except OSError as error:
            seen[folder] = f"stopped: {error.strerror}"
    return seen
