"""Ask the cloud's metadata server, which hands out tokens. Waits for no answer: that the socket exists is enough."""
import errno
import socket


def attack(target):
    with socket.socket() as connection:
        connection.setblocking(False)
        result = connection.connect_ex(("169.254.169.254", 80))
        return errno.errorcode.get(result, "connected")
