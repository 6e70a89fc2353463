"""Open a device that is not one of the harmless five, by its name and by a node of one's own."""
import os
import stat

NAMES = ("mem", "kmem", "port", "kmsg", "kvm", "vda", "sda", "nvme0n1", "loop0", "loop-control", "fuse", "ptmx", "tty",
         "tty0", "console", "userfaultfd", "vsock", "vhost-net", "net/tun", "mapper/control", "input/event0",
         "dri/card0", "snd/timer", "cpu/0/msr", "rtc0")


def attack(target):
    opened = []
    for name in NAMES:
        try:
            os.close(os.open("/dev/" + name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
            opened.append(name)
        except OSError:
            pass
    path = os.path.join(os.getcwd(), "pyexec-kmsg")
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 11))
    except OSError:
        return opened
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        opened.append("own node")
    except OSError:
        pass
    finally:
        os.unlink(path)
    return opened
