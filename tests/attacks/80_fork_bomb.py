"""Make 300 processes that wait, each a copy of this one; more than a job may have."""
import os


def attack(target):
    children = []
    reader, writer = os.pipe()
    try:
        while len(children) < 300:
            pid = os.fork()
            if pid == 0:
                try:
                    os.close(writer)
                    os.read(reader, 1)
                finally:
                    os._exit(0)
            children.append(pid)
    except OSError:
        pass
    finally:
        os.close(writer)
        os.close(reader)
        for pid in children:
            os.waitpid(pid, 0)
    return len(children) if len(children) >= 300 else None
