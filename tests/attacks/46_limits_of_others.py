"""Read and set the limits of another process; one's own core files, back on, by the same call."""
import os
import resource


def attack(target):
    done = []
    for pid in (target["victim_pid"], 1):
        try:
            resource.prlimit(pid, resource.RLIMIT_CORE, resource.prlimit(pid, resource.RLIMIT_CORE))
            done.append(pid)
        except OSError:
            pass
    try:
        resource.prlimit(os.getpid(), resource.RLIMIT_CORE, (1 << 20, 1 << 20))
        done.append("own")
    except OSError:
        pass
    return done
