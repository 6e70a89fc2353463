"""A command as root of a user namespace that has few other users, as some containers do. usage: small_users.py COUNT COMMAND..."""

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
FIRST_OUTSIDE = 1_000_000


def main(count, *command):
    own = os.getpid()
    ready, unshared = os.pipe()
    writer = os.fork()
    if writer == 0:  # outside the namespace, where it has the right to map
        os.close(unshared)
        os.read(ready, 1)
        for kind in "ug":
            with open(f"/proc/{own}/{kind}id_map", "w") as file:
                file.write(f"0 0 1\n1 {FIRST_OUTSIDE} {int(count) - 1}\n")
        os._exit(0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(unshared, b"x")
    if os.waitpid(writer, 0)[1] != 0:
        sys.exit("the users could not be mapped")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
