"""Send an urgent byte between the frames of the job socket, and see whether the other side minds."""
import os
import socket


def attack(target):
    try:
        job, server = socket.socket(fileno=os.dup(3)), None
    except OSError:
        job, server = socket.socketpair()  # no job: play the server too
    with job:
        job.send(b"x", socket.MSG_OOB)
        if server is not None:
            return server.recv(1, socket.MSG_OOB) == b"x"
        return job.recv(1, socket.MSG_DONTWAIT) is not None  # an answer, or the end of the connection
