"""Keep data in socket buffers larger than the usual, which no address space limit counts."""
import socket

SO_SNDBUFFORCE = 32


def attack(target):
    ends = socket.socketpair()
    with ends[0], ends[1]:
        usual = ends[0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        for option in (socket.SO_SNDBUF, SO_SNDBUFFORCE):
            try:
                ends[0].setsockopt(socket.SOL_SOCKET, option, 1 << 26)
            except OSError:
                pass
        larger = ends[0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return larger if larger > usual else None
