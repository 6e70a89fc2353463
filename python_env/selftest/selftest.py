"""Attacks the jail from inside. The server runs this script in a real worker before it opens its port, with one line
in front of it:

    TARGET = {"server_pid": int, "zygote_pid": int, "tcp_port": int, "abstract_name": str,
              "host_files": {path: (device, inode)}, "platform": str}

main() returns {"attacks": {name: outcome}}: null for an attack that was refused, a short text that says what it got for
one that was not. Nothing here harms the host if it works, blocks, or leaves anything behind.

An attack raises OSError if it is refused. Another exception is a defect of the attack, and shows as "broken: ...".
Where a call would do harm, it is made with arguments that the kernel refuses only after it has agreed that the caller
may make it; that other errno is the outcome (`reaches`).
"""

import ctypes
import errno
import fcntl
import functools
import locale
import mmap
import os
import platform
import pwd
import resource
import signal
import socket
import stat
import struct
import sys
import time
import uuid

COLUMN = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
NUMBERS = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "cachestat": (451, 451), "capget": (125, 90),
    "capset": (126, 91), "clone3": (435, 435), "fanotify_init": (300, 262), "fsopen": (430, 430), "fspick": (433, 433),
    "futex": (202, 98), "timer_create": (222, 107),
    "get_robust_list": (274, 100), "init_module": (175, 105), "inotify_init1": (294, 26), "io_setup": (206, 0),
    "io_uring_setup": (425, 425), "ioctl": (16, 29), "ioprio_set": (251, 30), "kcmp": (312, 272),
    "kexec_load": (246, 104), "keyctl": (250, 219), "listmount": (458, 458), "madvise": (28, 233),
    "memfd_secret": (447, 447), "migrate_pages": (256, 238), "mincore": (27, 232), "mlock": (149, 228),
    "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429), "mq_open": (240, 180),
    "mq_unlink": (241, 181), "msgctl": (71, 187), "msgget": (68, 186), "munlock": (150, 229),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "prctl": (157, 167), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "reboot": (169, 142),
    "request_key": (249, 218), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "sched_setattr": (314, 274), "seccomp": (317, 277), "semctl": (66, 191), "semget": (64, 190),
    "setfsgid": (123, 152), "setfsuid": (122, 151), "sethostname": (170, 161), "setns": (308, 268),
    "settimeofday": (164, 170), "shmctl": (31, 195), "shmget": (29, 194), "swapon": (167, 224), "syslog": (103, 116),
    "tee": (276, 77), "tgkill": (234, 131), "tkill": (200, 130), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282), "vmsplice": (278, 75),
}

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ESRCH)
PAGE = mmap.PAGESIZE
AT_FDCWD = -100
IPC_PRIVATE = IPC_RMID = 0
NEW_NAMESPACES = {  # a user namespace last: it takes capabilities away from who had them
    "NEWNS": 0x00020000, "NEWCGROUP": 0x02000000, "NEWUTS": 0x04000000, "NEWIPC": 0x08000000, "NEWPID": 0x20000000,
    "NEWNET": 0x40000000, "NEWUSER": 0x10000000,
}
SHARED_FILE = os.__file__  # every job can read it
SYSTEM_PROGRAM = "/usr/bin/env"
SYSTEM_DIRECTORIES = ("/usr/lib", "/usr/bin")
UNWRITABLE = ("/", "/etc", "/usr", "/usr/bin", "/usr/lib", "/dev", os.path.dirname(SHARED_FILE), "/usr/lib/python3")
FIRST_IN_JAIL = 2  # the number of the worker in a pid namespace of its jail
STANDARD_DESCRIPTORS = 4  # stdin, stdout, stderr, the job socket
SCRATCH = os.path.join(os.environ.get("TMPDIR", "/tmp"), "selftest")


# ---- how attacks are made


def call(name, *arguments):
    """A system call by its number, all six registers set."""
    padded = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    padded += [ctypes.c_long(0)] * (6 - len(padded))
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *padded)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def reaches(name, *arguments):
    """A call that fails for its arguments once the caller is allowed to make it."""
    try:
        call(name, *arguments)
    except OSError as error:
        if error.errno in REFUSALS:
            raise
        return f"{name} got as far as {errno.errorcode.get(error.errno, error.errno)}"
    return f"{name} succeeded"


def descriptor(name, *arguments):
    """A call whose whole point is the descriptor that it returns."""
    os.close(call(name, *arguments))
    return f"{name} returned a descriptor"


def any_of(attempts):
    """Makes every attempt of {label: function}, whichever are refused; returns the labels of those that worked."""
    got = []
    for label, attempt in attempts.items():
        try:
            if attempt() is not False:
                got.append(str(label))
        except OSError:
            pass
    return " ".join(got)


def others():
    """Who holds power here. Within a pid namespace one of these numbers can happen to be one's own."""
    return [pid for pid in (TARGET["server_pid"], TARGET["zygote_pid"]) if pid != os.getpid()]  # noqa: F821


def on_others(attempt):
    return any_of({pid: lambda pid=pid: attempt(pid) for pid in others()})


def page():
    """An anonymous page and its address."""
    memory = mmap.mmap(-1, PAGE)
    memory[0] = 1
    return memory, ctypes.addressof(ctypes.c_char.from_buffer(memory))


def io_vector(address, size):
    return struct.pack("=QQ", address, size)


def opens(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))


# ---- descriptors and surroundings


def inherited_descriptors():
    """Hold a descriptor that nobody meant to hand down."""
    got = []
    for fd in range(STANDARD_DESCRIPTORS, 1024):
        try:
            os.fstat(fd)
            got.append(str(fd))
        except OSError:
            pass
    return " ".join(got)


def standard_descriptors():
    """Find a directory, a disk, a terminal, a listener or a network connection among the expected descriptors."""
    got = []
    for fd in range(STANDARD_DESCRIPTORS):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or os.isatty(fd):
            got.append(f"{fd} has mode {mode:o}")
        if stat.S_ISSOCK(mode):
            end = socket.socket(fileno=os.dup(fd))
            with end:
                if end.family != socket.AF_UNIX or end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    got.append(f"{fd} is a socket of family {end.family}")
    return ", ".join(got)


def service_environment():
    """Read the service's settings, in the environment or where the kernel once put it on the stack."""
    found = {name for name in os.environ if name.startswith("PYEXEC_")}
    word = ctypes.c_ssize_t.in_dll(LIBC, "__libc_stack_end").value
    count = ctypes.c_ssize_t.from_address(word).value
    slot = word + 8 * (count + 2)  # past the count, the arguments and their null
    while address := ctypes.c_size_t.from_address(slot).value:
        entry = ctypes.string_at(address)
        if entry.startswith(b"PYEXEC_"):
            found.add(entry.split(b"=")[0].decode())
        slot += 8
    return " ".join(sorted(found))


def remembered_host():
    """Ask Python what it has kept from before there was a jail: names of the host, and states of other descriptors."""
    listed = set(getattr(sys.path_importer_cache.get("/tmp"), "_path_cache", ()))
    try:
        listed -= set(os.listdir("/tmp"))
    except OSError:
        pass  # not the job's: no name of it is
    mask = os.umask(0o022)
    return any_of({
        "host name": lambda: platform.uname().node != os.uname().nodename,
        "host name in platform()": lambda: bool(platform._platform_cache),
        "network card": lambda: uuid._node is not None,
        "files": lambda: bool(listed),
        "accounts": lambda: bool({entry.pw_name for entry in pwd.getpwall()} - {"pyexec", "root", "nobody"}),
        "home": lambda: os.path.expanduser("~") not in ("/tmp", os.environ["TMPDIR"]),
        "time zone": lambda: time.tzname != ("UTC", "UTC") or time.localtime(0).tm_hour != 0,
        "locale": lambda: locale.setlocale(locale.LC_CTYPE) != "C.UTF-8",
        "arguments": lambda: bool(sys.orig_argv),
        "umask": lambda: mask != 0o022,
        "blocked signals": lambda: bool(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "seekable output": lambda: sys.stdout.seekable() or sys.stderr.seekable(),
    })


# ---- network


def network_every_family():
    """Make a socket of any family."""
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
    return any_of({
        f"{family}/{kind}": lambda family=family, kind=kind: socket.socket(family, kind).close()
        for family in range(46) for kind in kinds
    })


def network_server_loopback():
    """Connect to a listener of the host."""
    with socket.socket() as connection:
        connection.settimeout(0.05)
        connection.connect(("127.0.0.1", TARGET["tcp_port"]))  # noqa: F821
        return "connected"


def network_own_loopback():
    """Listen on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return f"listens on {listener.getsockname()[1]}"


def network_metadata_server():
    """Ask the cloud's metadata server, which hands out tokens."""
    with socket.socket() as connection:
        connection.setblocking(False)
        result = connection.connect_ex(("169.254.169.254", 80))
        return f"connect gave {errno.errorcode.get(result, result)}"


def network_udp():
    """Send a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        return f"sent {sender.sendto(b'x', ('127.0.0.1', TARGET['tcp_port']))} byte"  # noqa: F821


def network_raw():
    """Make a raw socket."""
    return any_of({
        "icmp": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
        "ping": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close(),
        "raw6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58).close(),
    })


def network_packet():
    """Read the wire."""
    socket.socket(17, socket.SOCK_RAW, socket.htons(3)).close()
    return "a packet socket"


def network_netlink():
    """Talk to the kernel's network configuration, audit and uevents."""
    return any_of({
        protocol: lambda protocol=protocol: socket.socket(16, socket.SOCK_RAW, protocol).close()
        for protocol in (0, 4, 9, 12, 15, 16)
    })


def network_crypto():
    """Make an AF_ALG socket (CVE-2026-31431 began so)."""
    socket.socket(38, socket.SOCK_SEQPACKET).close()
    return "an AF_ALG socket"


def network_vsock():
    """Make a socket to the hypervisor."""
    socket.socket(40, socket.SOCK_STREAM).close()
    return "an AF_VSOCK socket"


def network_abstract_unix():
    """Connect to an abstract Unix socket of the host."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        connection.connect("\0" + TARGET["abstract_name"])  # noqa: F821
        return "connected"


def network_unix_datagram():
    """Have the kernel name one end of a datagram pair, and send to it from another pair, as another job would."""
    def attempt(kind):
        pairs = [socket.socketpair(socket.AF_UNIX, kind) for _ in range(2)]
        (listening, peer), (sending, _) = pairs
        try:
            for end in (listening, sending):
                end.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            listening.send(b"x")  # who asks for credentials is given a name before it sends
            peer.close()
            try:
                listening.send(b"x")
            except ConnectionRefusedError:
                pass  # now it is nobody's peer, and hears everybody
            sending.sendto(b"x", listening.getsockname())
            return bool(listening.recv(1))
        finally:
            for end in (*pairs[0], *pairs[1]):
                end.close()

    return any_of({
        "datagram": lambda: attempt(socket.SOCK_DGRAM),
        "raw": lambda: attempt(socket.SOCK_RAW),
    })


def network_unix_name():
    """Give one end of a pair a name, at which others could send or connect."""
    got = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        try:
            ends = socket.socketpair(socket.AF_UNIX, kind)
        except OSError:
            continue
        with ends[0], ends[1]:
            try:
                ends[0].bind("")
                got.append(repr(ends[0].getsockname()))
            except OSError:
                pass
    return " ".join(got)


def network_pairs_of_other_families():
    """Make a pair of another family; that it has no pairs is found out only after two sockets were made."""
    got = []
    for family in (0, *range(2, 46)):
        try:
            ends = socket.socketpair(family, socket.SOCK_STREAM)
            ends[0].close()
            ends[1].close()
            got.append(str(family))
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                got.append(str(family))
    return " ".join(got)


def network_forced_buffers():
    """Have the kernel hold more unread bytes than its limits let one."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        return any_of({
            "SO_SNDBUFFORCE": lambda: ends[0].setsockopt(socket.SOL_SOCKET, 32, 1 << 26),
            "SO_RCVBUFFORCE": lambda: ends[0].setsockopt(socket.SOL_SOCKET, 33, 1 << 26),
        })


# ---- other processes


def signal_server():
    """Signal the server."""
    return on_others(lambda pid: os.kill(pid, 0))


def signal_by_thread():
    """Signal the server through the calls that name threads, and with a value attached."""
    queued = struct.pack("=iii", 0, 0, -1) + bytes(116)
    return on_others(lambda pid: any_of({
        "tgkill": lambda: call("tgkill", pid, pid, 0),
        "tkill": lambda: call("tkill", pid, 0),
        "rt_sigqueueinfo": lambda: call("rt_sigqueueinfo", pid, 0, queued),
        "rt_tgsigqueueinfo": lambda: call("rt_tgsigqueueinfo", pid, pid, 0, queued),
    }) or False)


def signal_groups():
    """Signal everybody, and the server's process group."""
    def group_of(pid):
        group = os.getpgid(pid)
        if group in (0, os.getpgrp()):  # 0: not of this namespace, and to kill(2) one's own
            raise ProcessLookupError(pid)
        os.killpg(group, 0)

    attempts = {"everybody": lambda: os.kill(-1, 0)}
    attempts |= {f"group {pid}": lambda pid=pid: os.kill(-pid, 0) for pid in others()}
    attempts |= {f"group of {pid}": lambda pid=pid: group_of(pid) for pid in others()}
    return any_of(attempts)


def signal_by_pidfd():
    """Signal the server through a pidfd."""
    def attempt(pid):
        fd = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(fd, 0)
        finally:
            os.close(fd)

    return on_others(attempt)


def signal_by_owner():
    """Make the server the owner of a descriptor, so that the kernel signals it."""
    reader, writer = os.pipe()
    ends = socket.socketpair()
    try:
        with ends[0], ends[1]:
            owner = others()[0] if others() else 1
            number = struct.pack("=i", owner)
            return any_of({
                "F_SETOWN": lambda: fcntl.fcntl(reader, fcntl.F_SETOWN, owner),
                "F_SETOWN_EX": lambda: fcntl.fcntl(reader, 15, struct.pack("=ii", 1, owner)),
                "F_SETSIG": lambda: fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGUSR1),
                "FIOSETOWN": lambda: call("ioctl", ends[0].fileno(), 0x8901, number),
                "SIOCSPGRP": lambda: call("ioctl", ends[0].fileno(), 0x8902, number),
            })
    finally:
        os.close(reader)
        os.close(writer)


def memory_of_server():
    """Read and write the server's memory, by a wrong address: another errno than for who may not."""
    buffer = ctypes.create_string_buffer(8)
    here, there = io_vector(ctypes.addressof(buffer), 8), io_vector(0, 8)
    return on_others(lambda pid: any_of({
        name: lambda name=name: reaches(name, pid, here, 1, there, 1, 0)
        for name in ("process_vm_readv", "process_vm_writev")
    }) or False)


def trace_server():
    """Attach to the server with ptrace, and let go again."""
    seize, interrupt, detach, wait_all = 0x4206, 0x4207, 17, 0x40000000

    def attempt(pid):
        call("ptrace", seize, pid, 0, 0)
        call("ptrace", interrupt, pid, 0, 0)
        for _ in range(100_000):
            if os.waitpid(pid, os.WNOHANG | wait_all)[0]:
                break
        call("ptrace", detach, pid, 0, 0)

    return on_others(attempt)


def proc_of_server():
    """Read what /proc shows of the server."""
    names = ("environ", "mem", "maps", "cmdline", "root", "cwd", "fd", "task", "ns/net", "stack")
    attempts = {}
    for pid in (*others(), 1):
        attempts |= {f"{pid}/{name}": lambda path=f"/proc/{pid}/{name}": opens(path) for name in names}
        links = [f"/proc/{pid}/{name}" for name in ("exe", "root")]
        attempts |= {f"link {path}": lambda path=path: os.readlink(path) for path in links}
    return any_of(attempts)


def limits_of_server():
    """Read the server's resource limits; who may can change them."""
    return on_others(lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE))


def processors_of_server():
    """Choose the server's processors."""
    return on_others(lambda pid: os.sched_setaffinity(pid, os.sched_getaffinity(0)))


def priority_of_server():
    """Change when the server runs."""
    return on_others(lambda pid: any_of({
        "setpriority": lambda: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0)),
        "setscheduler": lambda: os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0)),
        "ioprio_set": lambda: call("ioprio_set", 1, pid, 2 << 13 | 4),
    }) or False)


def compare_with_server():
    """Ask whether two processes share kernel objects: that tells where those lie."""
    return on_others(lambda pid: call("kcmp", os.getpid(), pid, 1, 0, 0))


def descriptor_of_server():
    """Take a descriptor out of the server."""
    def attempt(pid):
        fd = os.pidfd_open(pid)
        try:
            os.close(call("pidfd_getfd", fd, 0, 0))
        finally:
            os.close(fd)

    return on_others(attempt)


def clock_of_server():
    """Read and arm the processor time of another process: the number of such a clock is made of a pid."""
    def arm(clock):
        event = ctypes.create_string_buffer(struct.pack("=qii", 0, signal.SIGUSR1, 1) + bytes(48))  # SIGEV_NONE
        call("timer_create", clock, event, ctypes.byref(ctypes.c_int()))

    # In a pid namespace of the jail, 1 is its own init.
    clocks = {pid: (~pid << 3) | 2 for pid in others() if pid != 1 or os.getpid() != FIRST_IN_JAIL}
    return any_of(
        {f"read {pid}": functools.partial(time.clock_gettime, clock) for pid, clock in clocks.items()}
        | {f"arm {pid}": functools.partial(arm, clock) for pid, clock in clocks.items()}
    )


def advise_server():
    """Have the server's pages thrown out, or the dead server's freed."""
    def attempt(pid):
        fd = os.pidfd_open(pid)
        try:
            return any_of({
                "process_madvise": lambda: call("process_madvise", fd, io_vector(0, 0), 1, 20, 0),
                "process_mrelease": lambda: reaches("process_mrelease", fd, 0),
            }) or False
        finally:
            os.close(fd)

    return on_others(attempt)


def locks_of_server():
    """Learn where the server's threads keep their locks."""
    head, size = ctypes.c_void_p(), ctypes.c_size_t()
    return on_others(lambda pid: call("get_robust_list", pid, ctypes.byref(head), ctypes.byref(size)))


def pages_of_server():
    """Move the server's memory between nodes."""
    nodes = struct.pack("=Q", 1)
    return on_others(lambda pid: call("migrate_pages", pid, 64, nodes, nodes))


def signal_init():
    """Signal pid 1, whoever that is here."""
    os.kill(1, 0)
    return "pid 1"


# ---- privileges


def dumpable():
    """Become traceable again, and leave cores to whoever collects them."""
    call("prctl", 4, 1)
    return "dumpable"


def set_user_id_program():
    """Find a program that would make its caller root, where both the mount and this process honour that."""
    if call("prctl", 39):
        return None
    return " ".join(
        entry.path for entry in os.scandir("/usr/bin")
        if entry.stat(follow_symlinks=False).st_mode & stat.S_ISUID
        and not os.statvfs(entry.path).f_flag & os.ST_NOSUID
    )


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


def fork_into_other_tree():
    """Make a child that is somebody else's, or that hides from its tracer."""
    stack = ctypes.create_string_buffer(65536)
    return any_of({
        name: lambda flag=flag: clone(flag, stack)
        for name, flag in (("CLONE_PARENT", 0x8000), ("CLONE_PTRACE", 0x2000), ("CLONE_UNTRACED", 0x800000))
    })


# ---- files


def read_host_files():
    """Read what belongs to the host."""
    return any_of({path: lambda path=path: opens(path) for path in (
        "/etc/passwd", "/etc/shadow", "/root", "/home", "/proc/self/environ", "/proc/self/mem", "/proc/version", "/sys",
        "/sys/kernel", "/run", "/var/log", "/boot", "/dev/kmsg", "/dev/mem", "/dev/kvm", "/dev/vda", "/dev/sda",
        "/dev/ptmx", "/dev/tty", "/dev/fuse", "/dev/userfaultfd",
    )})


def write_system_directories():
    """Make a file where programs are read from."""
    def attempt(folder):
        path = os.path.join(folder, "pyexec-selftest")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.unlink(path)

    return any_of({folder: lambda folder=folder: attempt(folder) for folder in UNWRITABLE})


def write_system_files():
    """Open for writing what other jobs will read."""
    paths = (SHARED_FILE, SYSTEM_PROGRAM)
    attempts = {path: lambda path=path: opens(path, os.O_WRONLY) for path in paths}
    attempts |= {f"{path} to read too": lambda path=path: opens(path, os.O_RDWR) for path in paths}
    return any_of(attempts)


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


def link_system_files():
    """Make a second name for a system file, in scratch or beside it."""
    def attempt(name):
        os.link(SYSTEM_PROGRAM, name)
        os.unlink(name)

    return any_of({
        name: lambda name=name: attempt(name)
        for name in (os.path.join(SCRATCH, "link"), os.path.dirname(SYSTEM_PROGRAM) + "/pyexec-selftest")
    })


def core_pattern():
    """Choose the program that the kernel runs on a crash, or press its magic keys."""
    return any_of({path: lambda path=path: opens(path, os.O_WRONLY) for path in (
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger", "/proc/self/uid_map",
        "/proc/self/oom_score_adj", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/pids/tasks",
    )})


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


def times_of_host_files():
    """Change when a file of the host was last used: who may write it may do that, and anybody may write to a device."""
    files = files_of_the_host()
    for file in files.values():
        os.close(file)
    # gVisor opens no device for writing on a read-only mount, so that there they lie on another (SECURITY.md).
    on_gvisor = TARGET["platform"] in ("gvisor", "cloud_run_gen1")  # noqa: F821
    paths = [path for path in files if not on_gvisor or not path.startswith("/dev/")]
    return any_of({path: functools.partial(os.utime, path) for path in paths})


# ---- channels between jobs


def files_of_the_host():
    """What other jobs open too: what has the same inode here as on the host."""
    opened = {}
    for path, inode in TARGET["host_files"].items():  # noqa: F821
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        state = os.fstat(file)
        if (state.st_dev, state.st_ino) == tuple(inode):
            opened[path] = file
        else:
            os.close(file)
    return opened


def locks_of(ways):
    """Every way {label: function of a descriptor} to lock each of them."""
    files = files_of_the_host()
    try:
        return any_of({
            f"{label} on {path}": functools.partial(way, file)
            for path, file in files.items() for label, way in ways.items()
        })
    finally:
        for file in files.values():
            os.close(file)


def file_locks():
    """Lock a file that every job can read."""
    return locks_of({
        "LOCK_SH": lambda file: fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
        "LOCK_EX": lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB),
    })


def record_locks():
    """Lock a part of a file that every job can read, or ask who has."""
    whole = struct.pack("=hhiqqii", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 1, 0, 0)
    commands = {"F_SETLK": fcntl.F_SETLK, "F_GETLK": fcntl.F_GETLK, "F_OFD_SETLK": 37, "F_OFD_GETLK": 36}
    return locks_of({
        name: functools.partial(lambda command, file: fcntl.fcntl(file, command, whole), command)
        for name, command in commands.items()
    })


def shared_futexes():
    """Wake whoever waits on the same page of a file. Where jobs have processes of their own, their semaphores are such
    futexes, and SECURITY.md says that this is a channel."""
    if os.getpid() == FIRST_IN_JAIL:
        return ""
    LIBC.mmap.restype = ctypes.c_void_p
    with open(SHARED_FILE, "rb") as file:
        page = LIBC.mmap(None, ctypes.c_size_t(PAGE), mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), ctypes.c_long(0))
    return any_of({"FUTEX_WAKE": lambda: call("futex", ctypes.c_void_p(page), 1, 1)})


def leases():
    """Hear when somebody opens or changes a file."""
    directory = os.open("/usr/lib", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open(SHARED_FILE, "rb") as file:
            return any_of({
                "F_SETLEASE": lambda: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
                "F_UNLEASE": lambda: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK),
                "F_NOTIFY": lambda: fcntl.fcntl(directory, fcntl.F_NOTIFY, fcntl.DN_ACCESS),
                "F_NOTIFY off": lambda: fcntl.fcntl(directory, fcntl.F_NOTIFY, 0),
            })
    finally:
        os.close(directory)


def watches():
    """Watch what other jobs open."""
    return any_of({
        "inotify": lambda: descriptor("inotify_init1", os.O_CLOEXEC),
        "fanotify": lambda: descriptor("fanotify_init", 0x200 | 1, 0),
    })


def cached_pages():
    """See which pages of shared files others have used."""
    memory, address = page()
    with open(SHARED_FILE, "rb") as file:
        return any_of({
            "mincore": lambda: call("mincore", address, PAGE, ctypes.create_string_buffer(1)),
            "cachestat": lambda: call("cachestat", file.fileno(), struct.pack("=QQ", 0, PAGE), bytes(40), 0),
        })


def shared_memory():
    """Make a System V segment."""
    call("shmctl", call("shmget", IPC_PRIVATE, PAGE, 0o600), IPC_RMID, 0)
    return "a segment"


def message_queues():
    """Make a System V message queue and a POSIX one."""
    def posix():
        fd = call("mq_open", b"pyexec-selftest", os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o600, 0)
        os.close(fd)
        call("mq_unlink", b"pyexec-selftest")

    return any_of({
        "System V": lambda: call("msgctl", call("msgget", IPC_PRIVATE, 0o600), IPC_RMID, 0),
        "POSIX": posix,
    })


def semaphores():
    """Make System V semaphores."""
    call("semctl", call("semget", IPC_PRIVATE, 1, 0o600), 0, IPC_RMID, 0)
    return "a set"


def add_key():
    """Put a key into a keyring."""
    return f"key {call('add_key', b'user', b'pyexec-selftest', b'x', 1, -2)}"


def request_key():
    """Ask for a key."""
    return reaches("request_key", b"user", b"pyexec-selftest", 0, 0)


def keyrings():
    """Find the session's keyring."""
    return f"keyring {call('keyctl', 0, -3, 0)}"


# ---- kernel surface


def io_uring():
    """Set up io_uring, whose operations no system call filter sees."""
    return descriptor("io_uring_setup", 4, ctypes.create_string_buffer(120))


def bpf_map():
    """Make a BPF map."""
    request = struct.pack("=5I", 2, 4, 4, 1, 0) + bytes(100)
    return descriptor("bpf", 0, request, len(request))


def performance_counters():
    """Count events, one's own and the server's."""
    counter = struct.pack("=IIQ", 1, 112, 0) + bytes(96)
    attempts = {"own": lambda: descriptor("perf_event_open", counter, 0, -1, -1, 0)}
    attempts |= {pid: lambda pid=pid: descriptor("perf_event_open", counter, pid, -1, -1, 0) for pid in others()}
    return any_of(attempts)


def user_faults():
    """Get a userfaultfd, which holds the kernel at a page for as long as one likes."""
    return descriptor("userfaultfd", os.O_CLOEXEC)


def splice():
    """Move a read-only file's pages into a pipe (CVE-2022-0847 began so)."""
    source = os.open(SHARED_FILE, os.O_RDONLY | os.O_CLOEXEC)
    reader, writer = os.pipe()
    try:
        return f"{os.splice(source, writer, 1, offset_src=1)} byte"
    finally:
        for fd in (source, reader, writer):
            os.close(fd)


def tee():
    """Share one pipe's pages with another."""
    first, second = os.pipe(), os.pipe()
    try:
        os.write(first[1], b"x")
        return f"{call('tee', first[0], second[1], 1, 2)} byte"
    finally:
        for fd in (*first, *second):
            os.close(fd)


def vmsplice():
    """Put one's own pages into a pipe."""
    memory, address = page()
    reader, writer = os.pipe()
    try:
        return f"{call('vmsplice', writer, io_vector(address, 1), 1, 2)} byte"
    finally:
        os.close(reader)
        os.close(writer)


def memory_files():
    """Keep data where no address space limit counts it."""
    return any_of({
        "memfd_create": lambda: os.close(os.memfd_create("selftest")),
        "memfd_secret": lambda: descriptor("memfd_secret", 0),
    })


def asynchronous_io():
    """Set up the old asynchronous I/O."""
    call("io_setup", 1, ctypes.byref(ctypes.c_ulong(0)))
    return "a context"


def memory_advice():
    """Merge pages with other processes' equal ones, push them out, lose them as faulty."""
    memory, address = page()
    return any_of({
        "MADV_MERGEABLE": lambda: call("madvise", address, PAGE, 12),
        "MADV_PAGEOUT": lambda: call("madvise", address, PAGE, 21),
        "MADV_HWPOISON": lambda: call("madvise", address, 0, 100),
    })


def terminal_input():
    """Type into a terminal (TIOCSTI), with and without a bit that the kernel ignores; a bad pointer types nothing."""
    request, got = 0x5412, []
    for fd in range(STANDARD_DESCRIPTORS):
        for disguise in (0, 1 << 32):
            try:
                call("ioctl", fd, request | disguise, 0)
            except OSError as error:
                if error.errno == errno.EFAULT:
                    got.append(f"descriptor {fd}")
    try:
        controller, terminal = os.openpty()
    except OSError:
        return " ".join(got)
    try:
        return " ".join(got) + any_of({
            hex(disguise): lambda disguise=disguise: call("ioctl", terminal, request | disguise, b"x")
            for disguise in (0, 1 << 32)
        })
    finally:
        os.close(controller)
        os.close(terminal)


def console_selection():
    """Paste into a console (TIOCLINUX), by a bad pointer."""
    got = []
    for path in ("/dev/tty0", "/dev/tty1", "/dev/console", "/dev/tty"):
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            call("ioctl", fd, 0x541C, 0)
        except OSError as error:
            if error.errno == errno.EFAULT:
                got.append(path)
        finally:
            os.close(fd)
    return " ".join(got)


def disguised_ioctl():
    """Set a bit of the request that the kernel ignores, and that a filter might not (CVE-2019-10063)."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        number = struct.pack("=i", os.getpid())
        return any_of({
            hex(disguise): lambda disguise=disguise: call("ioctl", ends[0].fileno(), 0x8901 | disguise, number)
            for disguise in (1 << 32, 1 << 63)
        })


def larger_pipes():
    """Have the kernel hold more in a pipe."""
    reader, writer = os.pipe()
    try:
        return f"{fcntl.fcntl(writer, 1031, 1 << 20)} bytes"
    finally:
        os.close(reader)
        os.close(writer)


# ---- more than one's share


def raise_limits():
    """Raise one's hard limits."""
    def attempt(limit):
        soft, hard = resource.getrlimit(limit)
        if hard == resource.RLIM_INFINITY:
            return limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CORE)  # nothing to raise
        resource.prlimit(0, limit, (soft, hard + 1))

    names = ("AS", "CPU", "FSIZE", "NOFILE", "NPROC", "CORE", "MEMLOCK", "STACK", "RTPRIO", "NICE", "MSGQUEUE",
             "SIGPENDING")
    return any_of({name: lambda name=name: attempt(getattr(resource, "RLIMIT_" + name)) for name in names})


def real_time():
    """Run before everybody else."""
    deadline = struct.pack("=IIQiIQQQ", 48, 6, 0, 0, 0, 1_000_000, 10_000_000, 10_000_000)
    return any_of({
        "SCHED_FIFO": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "SCHED_DEADLINE": lambda: call("sched_setattr", 0, deadline, 0),
        "SCHED_OTHER": lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)),
        "nice": lambda: os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 1),
        "affinity": lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)),
    })


def lock_memory():
    """Keep 16 MiB from being reclaimed."""
    size = 16 << 20
    memory = mmap.mmap(-1, size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call("mlock", address, size)
    call("munlock", address, size)
    return f"{size} bytes"


# ---- the whole machine


def whole_machine():
    """Make the calls that are about the whole machine, each with arguments that make it do nothing."""
    name = os.uname().nodename.encode()
    absent = os.path.join(SCRATCH, "absent").encode()
    return any_of({
        "acct": lambda: reaches("acct", absent),
        "init_module": lambda: reaches("init_module", 0, 0, b""),
        "kexec_load": lambda: reaches("kexec_load", 0, 0, 0, 0xFF),
        "reboot": lambda: reaches("reboot", 0, 0, 0, 0),
        "sethostname": lambda: call("sethostname", name, len(name)),
        "settimeofday": lambda: call("settimeofday", 0, 0),
        "swapon": lambda: reaches("swapon", absent, 0),
        "syslog": lambda: call("syslog", 10, 0, 0),
    })


# ---- mounts and namespaces; from here on, what works changes this process


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


def unmount():
    """Unmount what is no mount, and make the root another root than it is, from itself."""
    return any_of({
        "umount2": lambda: reaches("umount2", SCRATCH.encode(), 2),
        "pivot_root": lambda: reaches("pivot_root", b"/", b"/"),
    })


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


def list_mounts():
    """List the mounts."""
    request, ids = struct.pack("=IIQQ", 24, 0, (1 << 64) - 1, 0), ctypes.create_string_buffer(80)
    return any_of({
        "listmount": lambda: call("listmount", request, ids, 10, 0),
        "mountinfo": lambda: opens("/proc/self/mountinfo"),
    })


def personality():
    """Choose where and how the kernel lays out programs."""
    call("personality", 0x0040000 | call("personality", 0xFFFFFFFF))
    return "set"


def filter_system_calls():
    """Install a filter of one's own: an answer that depends on it could be made to lie to the next program."""
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = struct.pack("=HHIQ", 1, 0, 0, ctypes.addressof(allow))
    return any_of({
        "seccomp": lambda: call("seccomp", 1, 0, program),
        "prctl": lambda: call("prctl", 22, 2, program),
        "listener": lambda: descriptor("seccomp", 1, 8, program),
    })


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


def change_root():
    """Change the root directory, to what it is."""
    os.chroot("/")
    return "chroot"


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


def new_namespaces_by_clone():
    """Start a child in namespaces of its own."""
    stack = ctypes.create_string_buffer(65536)
    return any_of({name: lambda flag=flag: clone(flag, stack) for name, flag in NEW_NAMESPACES.items()})


def new_namespaces_by_clone3():
    """Start a child by the call whose flags no filter sees; an argument block of no size starts none."""
    return reaches("clone3", 0, 0)


def new_namespaces_by_unshare():
    """Move into namespaces of one's own."""
    flags = {"NEWTIME": 0x80} | NEW_NAMESPACES
    return any_of({name: lambda flag=flag: call("unshare", flag) for name, flag in flags.items()})


def become_for_good():
    """Become another user."""
    wanted = 65534 if os.getuid() == 0 else 0
    return any_of({"setgid": lambda: os.setgid(wanted), "setuid": lambda: os.setuid(wanted)})


ATTACKS = (
    # what it was given
    inherited_descriptors, standard_descriptors, service_environment, remembered_host,
    # network
    network_every_family, network_server_loopback, network_own_loopback, network_metadata_server, network_udp,
    network_raw, network_packet, network_netlink, network_crypto, network_vsock, network_abstract_unix,
    network_unix_datagram, network_unix_name, network_pairs_of_other_families, network_forced_buffers,
    # other processes
    signal_server, signal_by_thread, signal_groups, signal_by_pidfd, signal_by_owner, signal_init, memory_of_server,
    trace_server, proc_of_server, limits_of_server, processors_of_server, priority_of_server, compare_with_server,
    descriptor_of_server, clock_of_server, advise_server, locks_of_server, pages_of_server,
    # privileges
    dumpable, set_user_id_program, capabilities, other_prctl, fork_into_other_tree,
    # files
    read_host_files, write_system_directories, write_system_files, change_system_files, remove_system_directories,
    link_system_files, core_pattern, device_nodes, file_handles,
    times_of_host_files,
    # channels between jobs
    file_locks, record_locks, shared_futexes, leases, watches, cached_pages, shared_memory, message_queues, semaphores,
    add_key,
    request_key, keyrings,
    # kernel surface
    io_uring, bpf_map, performance_counters, user_faults, splice, tee, vmsplice, memory_files, asynchronous_io,
    memory_advice, terminal_input, console_selection, disguised_ioctl, larger_pipes,
    # more than one's share, and the whole machine
    raise_limits, real_time, lock_memory, whole_machine,
    # what changes this process when it works
    mount, unmount, mount_by_descriptor, list_mounts, personality, filter_system_calls, become_effective, change_root,
    join_namespaces, new_namespaces_by_clone, new_namespaces_by_clone3, new_namespaces_by_unshare, become_for_good,
)


def outcome(attack):
    try:
        got = attack()
    except OSError:
        return None
    except Exception as error:
        return f"broken: {type(error).__name__}: {error}"[:200]
    return str(got)[:200] if got else None


def main():
    try:
        os.mkdir(SCRATCH)
    except OSError:
        pass  # a jail without a place to write is as good a place to attack from
    outcomes = {attack.__name__: outcome(attack) for attack in ATTACKS}
    try:
        os.rmdir(SCRATCH)
    except OSError:
        pass  # an attack that worked may have taken the right to; the jail's scratch goes with the jail
    return {"attacks": outcomes}
