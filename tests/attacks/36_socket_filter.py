"""Attach a program to a socket: BPF without the bpf() call, compiled into the kernel at one's choice."""
import ctypes
import socket
import struct

SO_ATTACH_FILTER = 26


def attack(target):
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0xFFFF))
    ends = socket.socketpair()
    with ends[0], ends[1]:
        ends[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("=H6xQ", 1, ctypes.addressof(code)))
        return True
