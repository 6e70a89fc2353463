"""Find a descriptor that nobody meant to hand down, or a directory, terminal or network socket among the usual ones."""
import os
import socket
import stat


def attack(target):
    found = []
    for fd in range(4096):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        if fd > 3 or stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or stat.S_ISREG(mode) or os.isatty(fd):
            found.append([fd, oct(mode)])
        elif stat.S_ISSOCK(mode):
            with socket.socket(fileno=os.dup(fd)) as end:
                if end.family != socket.AF_UNIX or end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.append([fd, end.family])
    return found
