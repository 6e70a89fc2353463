# Kill other processes
# about: "A job sees its own processes only: there is nobody else to send a signal to."
# outcomes: ["ok"]

import os
import signal


def main():
    victims = {"its parent": os.getppid(), "process 1": 1, "a process of the host": 4_000}
    seen = {}
    for name, pid in victims.items():
        if pid in (0, os.getpid()):
            seen[name] = "stopped: it is not to be seen"
            continue
        try:
            os.kill(pid, signal.SIGKILL)
            seen[name] = "no error, and no harm: this job still runs"
        except OSError as error:
            seen[name] = f"stopped: {error.strerror}"
    return seen
