"""Get at a family through socketpair: that it has no pairs is found out when two sockets have been made."""
import errno
import socket


def attack(target):
    reached = []
    for family in (0, *range(2, 46)):
        try:
            for end in socket.socketpair(family, socket.SOCK_STREAM):
                end.close()
            reached.append(family)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                reached.append(family)
    return reached
