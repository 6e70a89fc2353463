"""Give one end of a datagram pair a name, without bind(), and reach it from another pair, as another job would."""
import socket

LEVELS = (1, 2)  # from level 3 on, such names end at the job's own network namespace


def attack(target):
    listening, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sending, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    listening.send(b"x")  # the kernel chooses a name
    other.close()
    try:
        listening.send(b"x")
    except ConnectionRefusedError:
        pass  # from now on it is connected to nobody, and hears everybody
    listening.setblocking(False)
    sending.sendto(b"hello", listening.getsockname())
    return listening.recv(5) == b"hello"
