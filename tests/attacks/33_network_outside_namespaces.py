"""Families that no network namespace holds back: the hypervisor's sockets, the kernel's ciphers (CVE-2026-31431)."""
import socket

AF_ALG, AF_VSOCK = 38, 40


def attack(target):
    made = []
    for family in (AF_VSOCK, AF_ALG):
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind).close()
                made.append([family, int(kind)])
            except OSError:
                pass
    return made
