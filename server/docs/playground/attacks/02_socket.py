# Open a connection
# about: "The system call filter refuses to make a socket of any kind, to anywhere."
# outcomes: ["ok"]

import socket

FAMILIES = [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK]


def main():
    seen = {}
    for family in FAMILIES:
        kind = socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM
        try:
            socket.socket(family, kind)
            seen[family.name] = "MADE a socket"
        except OSError as error:
            seen[family.name] = f"stopped: {error.strerror}"
    return seen
