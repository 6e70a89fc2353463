"""Crash so that the kernel writes a core, or hands it to a program of the host's root."""
import os
import resource
import signal

LEVELS = (3, 4)  # below, a job cannot make the child that crashes, and is itself not dumpable


def attack(target):
    os.makedirs("pyexec-core", exist_ok=True)
    child = os.fork()
    if child == 0:
        try:
            os.chdir("pyexec-core")
            soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
            os.execv("/usr/bin/python3", ["python3", "-IS", "-c", "import os; os.kill(os.getpid(), 11)"])
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    for name in os.listdir("pyexec-core"):
        os.unlink(os.path.join("pyexec-core", name))
    os.rmdir("pyexec-core")
    return os.WTERMSIG(status) == signal.SIGSEGV and os.WCOREDUMP(status)
