"""Move into a namespace of each kind."""
import ctypes

FLAGS = {"mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000,
         "pid": 0x20000000, "net": 0x40000000, "time": 0x80}


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    return [kind for kind, flag in FLAGS.items() if libc.unshare(flag) == 0]
