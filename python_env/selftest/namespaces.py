# Mounts, namespaces, users for good. Last, as an attack here that works changes this process.
# A part of the self-test: attack.py comes before it.

import ctypes
import os
import signal
import struct

NEW_NAMESPACES = {  # a user namespace last: it takes capabilities away from who had them
    "NEWNS": 0x00020000, "NEWCGROUP": 0x02000000, "NEWUTS": 0x04000000, "NEWIPC": 0x08000000, "NEWPID": 0x20000000,
    "NEWNET": 0x40000000, "NEWUSER": 0x10000000,
}


@attack
def mount():
    """Mount a file system, or a directory once more."""
    place = SCRATCH.encode()

    def attempt(*arguments):
        call("mount", *arguments)
        call("umount2", place, 2)

    return any_of({
        "tmpfs": lambda: attempt(b"none", place, b"tmpfs", 0, 0),
        "bind": lambda: attempt(b"/usr", place, 0, 4096, 0),
        "proc": lambda: attempt(b"none", place, b"proc", 0, 0),
    })


@attack
def unmount():
    """Unmount what is no mount, and make the root another root than it is, from itself."""
    return any_of({
        "umount2": lambda: reaches("umount2", SCRATCH.encode(), 2),
        "pivot_root": lambda: reaches("pivot_root", b"/", b"/"),
    })


@attack
def mount_by_descriptor():
    """Mount by the newer calls."""
    attributes = struct.pack("=4Q", 0x10, 0, 0, 0)
    return any_of({
        "fsopen": lambda: descriptor("fsopen", b"tmpfs", 0),
        "fspick": lambda: descriptor("fspick", AT_FDCWD, b"/", 0),
        "open_tree": lambda: descriptor("open_tree", AT_FDCWD, b"/usr", 1),
        "move_mount": lambda: reaches("move_mount", -1, b"", -1, b"", 0x44),
        "mount_setattr": lambda: reaches("mount_setattr", AT_FDCWD, SCRATCH.encode(), 0, attributes, len(attributes)),
    })


@attack
def list_mounts():
    """List the mounts."""
    request, ids = struct.pack("=IIQQ", 24, 0, (1 << 64) - 1, 0), ctypes.create_string_buffer(80)
    return any_of({
        "listmount": lambda: call("listmount", request, ids, 10, 0),
        "mountinfo": lambda: opens("/proc/self/mountinfo"),
    })


@attack
def personality():
    """Choose where and how the kernel lays out programs."""
    call("personality", 0x0040000 | call("personality", 0xFFFFFFFF))
    return "set"


@attack
def filter_system_calls():
    """Install a filter of one's own: an answer that depends on it could be made to lie to the next program."""
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = struct.pack("=HHIQ", 1, 0, 0, ctypes.addressof(allow))
    return any_of({
        "seccomp": lambda: call("seccomp", 1, 0, program),
        "prctl": lambda: call("prctl", 22, 2, program),
        "listener": lambda: descriptor("seccomp", 1, 8, program),
    })


@attack
def become_effective():
    """Act as another user for a moment."""
    mine = os.geteuid()
    wanted = 65534 if mine == 0 else 0

    def by_file_system(name):
        call(name, wanted)
        changed = call(name, -1) == wanted
        call(name, mine)
        return changed

    def and_back(change, back):
        change()
        back()

    return any_of({
        "setresuid": lambda: and_back(lambda: os.setresuid(-1, wanted, -1), lambda: os.setresuid(-1, mine, -1)),
        "setreuid": lambda: and_back(lambda: os.setreuid(-1, wanted), lambda: os.setreuid(-1, mine)),
        "setresgid": lambda: and_back(lambda: os.setresgid(-1, wanted, -1), lambda: os.setresgid(-1, mine, -1)),
        "setregid": lambda: and_back(lambda: os.setregid(-1, wanted), lambda: os.setregid(-1, mine)),
        "setfsuid": lambda: by_file_system("setfsuid"),
        "setfsgid": lambda: by_file_system("setfsgid"),
        "setgroups": lambda: os.setgroups([wanted]),
    })


@attack
def change_root():
    """Change the root directory, to what it is."""
    os.chroot("/")
    return "chroot"


@attack
def join_namespaces():
    """Enter another process's namespaces: the server's, and those of whoever is pid 1 here."""
    def attempt(pid):
        fd = os.pidfd_open(pid)
        try:
            return any_of({
                name: lambda flag=flag: call("setns", fd, flag)
                for name, flag in NEW_NAMESPACES.items() if name != "NEWUSER"
            }) or False
        finally:
            os.close(fd)

    return any_of({pid: lambda pid=pid: attempt(pid) for pid in (*others(), 1)})


def clone(flag, stack):
    """A child that ends at once, and runs none of Python; its parent waits in the kernel until it has."""
    vm, vfork, end = 0x100, 0x4000, ctypes.cast(LIBC._exit, ctypes.c_void_p)
    top = ctypes.c_void_p(ctypes.addressof(stack) + len(stack))
    pid = LIBC.clone(end, top, ctypes.c_int(vm | vfork | flag | signal.SIGCHLD), None, None, None, None)
    if pid == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        os.waitpid(pid, 0x40000000)
    except ChildProcessError:
        pass  # it was made somebody else's


@attack
def new_namespaces_by_clone():
    """Start a child in namespaces of its own."""
    stack = ctypes.create_string_buffer(65536)
    return any_of({name: lambda flag=flag: clone(flag, stack) for name, flag in NEW_NAMESPACES.items()})


@attack
def new_namespaces_by_clone3():
    """Start a child by the call whose flags no filter sees; an argument block of no size starts none."""
    return reaches("clone3", 0, 0)


@attack
def new_namespaces_by_unshare():
    """Move into namespaces of one's own."""
    flags = {"NEWTIME": 0x80} | NEW_NAMESPACES
    return any_of({name: lambda flag=flag: call("unshare", flag) for name, flag in flags.items()})


@attack
def become_for_good():
    """Become another user."""
    wanted = 65534 if os.getuid() == 0 else 0
    return any_of({"setgid": lambda: os.setgid(wanted), "setuid": lambda: os.setuid(wanted)})
