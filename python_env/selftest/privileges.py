# Users, capabilities, and what a program can get by being executed.
# A part of the self-test: attack.py comes before it.

import ctypes
import os
import stat
import struct


@attack
def dumpable():
    """Become traceable again, and leave cores to whoever collects them."""
    call("prctl", 4, 1)
    return "dumpable"


@attack
def set_user_id_program():
    """Find a program that would make its caller root, where both the mount and this process honour that."""
    if call("prctl", 39):
        return None
    return " ".join(
        entry.path for entry in os.scandir("/usr/bin")
        if entry.stat(follow_symlinks=False).st_mode & stat.S_ISUID
        and not os.statvfs(entry.path).f_flag & os.ST_NOSUID
    )


@attack
def capabilities():
    """Have a capability, or put one on."""
    header = struct.pack("=Ii", 0x20080522, 0)
    sets = ctypes.create_string_buffer(24)
    call("capget", header, sets)
    words = list(struct.unpack("=6I", sets.raw))
    got = "has some" if any(words) else None
    words[0] |= 1 << 21  # effective and permitted: CAP_SYS_ADMIN
    words[1] |= 1 << 21
    try:
        call("capset", header, struct.pack("=6I", *words))
        got = "put one on"
    except OSError:
        pass
    return got


@attack
def other_prctl():
    """Change what the kernel lets this process do to itself."""
    return any_of({
        "PR_SET_KEEPCAPS": lambda: call("prctl", 8, 0),
        "PR_SET_SECUREBITS": lambda: call("prctl", 28, 0),
        "PR_SET_CHILD_SUBREAPER": lambda: call("prctl", 36, 0),
        "PR_SET_MM": lambda: call("prctl", 35, 15, struct.pack("=I", 0)),
        "PR_SET_PTRACER": lambda: call("prctl", 0x59616d61, 0),
        "PR_SET_TIMERSLACK": lambda: call("prctl", 29, 50_000),
        "PR_CAP_AMBIENT": lambda: call("prctl", 47, 4),
    })


@attack
def fork_into_other_tree():
    """Make a child that is somebody else's, or that hides from its tracer."""
    stack = ctypes.create_string_buffer(65536)
    return any_of({
        name: lambda flag=flag: clone(flag, stack)
        for name, flag in (("CLONE_PARENT", 0x8000), ("CLONE_PTRACE", 0x2000), ("CLONE_UNTRACED", 0x800000))
    })
