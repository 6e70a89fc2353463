"""Get a pidfd of whoever made the job socket, and signal through it."""
import os
import signal
import socket

SO_PEERPIDFD = 77


def attack(target):
    ends = []
    for fd in range(4):
        try:
            ends.append(socket.socket(fileno=os.dup(fd)))
        except OSError:
            pass  # no socket
    ends += socket.socketpair() if not ends else []
    for end in ends:
        pidfd = end.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
        signal.pidfd_send_signal(pidfd, 0)
        return True
