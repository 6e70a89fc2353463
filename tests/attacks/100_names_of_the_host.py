"""The host's name, and the address of its network card, from what the warm interpreter may have kept of them."""
import platform
import socket
import uuid

LEVELS = (3, 4)  # below, there is no name of its own to give a job


def attack(target):
    names = [name for name in (platform.node(), platform.uname().node, socket.gethostname()) if name != "pyexec"]
    return names + [hex(node) for node in [uuid.getnode()] if not node >> 40 & 1]
