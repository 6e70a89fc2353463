"""Stop those who could end the job: a process of the host, one's parent, pid 1."""
import os
import signal


def attack(target):
    reached = []
    try:
        os.kill(target["victim_pid"], signal.SIGSTOP)
        os.kill(target["victim_pid"], signal.SIGCONT)
        reached.append("victim")
    except OSError:
        pass
    for pid in {os.getppid(), 1} - {0}:  # to stop these would stop the test itself where it works
        try:
            os.kill(pid, signal.SIGCONT)
            reached.append(pid)
        except OSError:
            pass
    return reached
