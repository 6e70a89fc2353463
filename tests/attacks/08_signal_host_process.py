"""Signal a process of the host."""
import os
import signal


def attack(target):
    os.kill(target["victim_pid"], signal.SIGCONT)
    return True
