"""Open a socket of any family: each is a way out, or kernel surface."""
import socket


def attack(target):
    opened = []
    for family in range(0, 46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind).close()
                opened.append(family)
            except OSError:
                pass
    return opened
