"""Listen on one's own loopback, for a neighbour or for oneself."""
import socket


def attack(target):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return True
