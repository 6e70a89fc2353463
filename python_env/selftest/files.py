# Files and devices of the host.
# A part of the self-test: attack.py comes before it.

import ctypes
import errno
import functools
import os
import stat
import struct

SYSTEM_PROGRAM = "/usr/bin/env"
SYSTEM_DIRECTORIES = ("/usr/lib", "/usr/bin")
UNWRITABLE = ("/", "/etc", "/usr", "/usr/bin", "/usr/lib", "/dev", os.path.dirname(SHARED_FILE), "/usr/lib/python3")


@attack
def read_host_files():
    """Read what belongs to the host."""
    return any_of({path: lambda path=path: opens(path) for path in (
        "/etc/passwd", "/etc/shadow", "/root", "/home", "/proc/self/environ", "/proc/self/mem", "/proc/version", "/sys",
        "/sys/kernel", "/run", "/var/log", "/boot", "/dev/kmsg", "/dev/mem", "/dev/kvm", "/dev/vda", "/dev/sda",
        "/dev/ptmx", "/dev/tty", "/dev/fuse", "/dev/userfaultfd",
    )})


@attack
def write_system_directories():
    """Make a file where programs are read from."""
    def attempt(folder):
        path = os.path.join(folder, "pyexec-selftest")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.unlink(path)

    return any_of({folder: lambda folder=folder: attempt(folder) for folder in UNWRITABLE})


@attack
def write_system_files():
    """Open for writing what other jobs will read."""
    paths = (SHARED_FILE, SYSTEM_PROGRAM)
    attempts = {path: lambda path=path: opens(path, os.O_WRONLY) for path in paths}
    attempts |= {f"{path} to read too": lambda path=path: opens(path, os.O_RDWR) for path in paths}
    return any_of(attempts)


@attack
def change_system_files():
    """Set modes, owners and times of system files to what they are."""
    path, now = SHARED_FILE, os.stat(SHARED_FILE)
    attempts = {
        "chmod": lambda: os.chmod(path, stat.S_IMODE(now.st_mode)),
        "chown": lambda: os.chown(path, now.st_uid, now.st_gid),
        "utime": lambda: os.utime(path, ns=(now.st_atime_ns, now.st_mtime_ns)),
    }
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        attempts |= {
            "fchmod": lambda: os.fchmod(fd, stat.S_IMODE(now.st_mode)),
            "fchown": lambda: os.fchown(fd, now.st_uid, now.st_gid),
            "futimens": lambda: os.utime(fd, ns=(now.st_atime_ns, now.st_mtime_ns)),
        }
        return any_of(attempts)
    finally:
        os.close(fd)


@attack
def remove_system_directories():
    """Remove a directory, or rename one over another: that it is not empty is said only to who may remove it."""
    got = []
    for change in (lambda: os.rmdir(SYSTEM_DIRECTORIES[0]), lambda: os.rename(*SYSTEM_DIRECTORIES)):
        try:
            change()
            got.append("done")
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                got.append("not empty")
    return " ".join(got)


@attack
def link_system_files():
    """Make a second name for a system file, in scratch or beside it."""
    def attempt(name):
        os.link(SYSTEM_PROGRAM, name)
        os.unlink(name)

    return any_of({
        name: lambda name=name: attempt(name)
        for name in (os.path.join(SCRATCH, "link"), os.path.dirname(SYSTEM_PROGRAM) + "/pyexec-selftest")
    })


@attack
def core_pattern():
    """Choose the program that the kernel runs on a crash, or press its magic keys."""
    return any_of({path: lambda path=path: opens(path, os.O_WRONLY) for path in (
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger", "/proc/self/uid_map",
        "/proc/self/oom_score_adj", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/pids/tasks",
    )})


@attack
def device_nodes():
    """Make a device node."""
    def attempt(kind, number):
        path = os.path.join(SCRATCH, "node")
        os.mknod(path, 0o600 | kind, number)
        os.unlink(path)

    return any_of({
        "memory": lambda: attempt(stat.S_IFCHR, os.makedev(1, 1)),
        "disk": lambda: attempt(stat.S_IFBLK, os.makedev(254, 0)),
        "terminal": lambda: attempt(stat.S_IFCHR, os.makedev(5, 0)),
    })


@attack
def file_handles():
    """Get a file by number instead of by name, past every mount."""
    made = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    inode = ctypes.create_string_buffer(struct.pack("=IiII", 8, 1, 2, 0))
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if os.access("/", os.R_OK) else AT_FDCWD
    try:
        return any_of({
            "name": lambda: call("name_to_handle_at", AT_FDCWD, b"/usr", made, ctypes.byref(ctypes.c_int()), 0),
            "open": lambda: reaches("open_by_handle_at", root, inode, 0),
        })
    finally:
        if root != AT_FDCWD:
            os.close(root)


@attack
def times_of_host_files():
    """Change when a file of the host was last used: who may write it may do that, and anybody may write to a device."""
    files = files_of_the_host()
    for file in files.values():
        os.close(file)
    # gVisor opens no device for writing on a read-only mount, so that there they lie on another (SECURITY.md).
    on_gvisor = TARGET["platform"] in ("gvisor", "cloud_run_gen1")  # noqa: F821
    paths = [path for path in files if not on_gvisor or not path.startswith("/dev/")]
    return any_of({path: functools.partial(os.utime, path) for path in paths})
