"""Raise one's own resource limits, or take more of the processor."""
import os
import resource


def attack(target):
    done = []
    for name in ("RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_CORE"):
        limit = getattr(resource, name)
        soft, hard = resource.getrlimit(limit)
        try:
            resource.setrlimit(limit, (soft, hard + 1 if hard >= 0 else hard))
            done.append(name)
        except (OSError, ValueError):
            pass
    try:
        os.nice(-5)
        done.append("nice")
    except OSError:
        pass
    try:
        os.sched_setaffinity(0, os.sched_getaffinity(0))
        done.append("affinity")
    except OSError:
        pass
    return done
