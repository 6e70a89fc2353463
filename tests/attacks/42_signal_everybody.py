"""Signal everybody at once, and process groups; with signal 0, which only asks."""
import os


def attack(target):
    reached = []
    for name, signal_it in {
        "everybody": lambda: os.kill(-1, 0),
        "group": lambda: os.killpg(os.getpgid(target["victim_pid"]), 0),
        "session": lambda: os.killpg(os.getsid(target["victim_pid"]), 0),
    }.items():
        try:
            signal_it()
            reached.append(name)
        except OSError:
            pass
    return reached
