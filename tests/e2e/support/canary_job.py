"""What each canary job does: looks for other jobs' tokens in all that it can see, then leaves its own in all that it
can reach. Sent as a script, with the names below it; also run unjailed, where it has to find what was left.

A token is the prefix and 32 hexadecimal digits. The prefix is put together here, so that this text holds none.
"""
import array
import atexit
import builtins
import ctypes
import fcntl
import gc
import itertools
import json
import math
import os
import random
import re
import signal
import socket
import sys
import threading

PREFIX = "CANARY" + "-f00d-"
START = PREFIX.encode()
PATTERN = re.compile(START + b"[0-9a-f]{32}")
SHM_NAME = b"/canary"
KEY = 0x0CA9A27
TOP, WINDOW = 1 << 17, 1 << 19  # of the heap, per job; the next job looks elsewhere
SIZES = (48, 200, 1000, 5000, 40000, 120000)  # of the blocks that are allocated and freed
RLIMIT_NOFILE = 7
KEYRINGS = (-3, -5)  # of the session and of the user
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.malloc.restype, LIBC.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]
SYS_ADD_KEY, SYS_KEYCTL, KEYCTL_SEARCH, KEYCTL_READ = 248, 250, 10, 11
FOLDERS = ("/tmp", "/dev/shm", "/var/tmp", "/run/lock", "/dev/mqueue")
LEFT = []  # keeps alive what must stay


def open_files():
    limits = (ctypes.c_ulong * 2)()
    LIBC.getrlimit(RLIMIT_NOFILE, limits)
    return limits


def quietly(act, *arguments):
    try:
        return act(*arguments)
    except (OSError, ValueError, RuntimeError):
        return None


class Search:
    def __init__(self, own):
        self.own, self.found, self.looked = own.encode(), [], 0

    def see(self, channel, data):
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        self.looked += len(data)
        at = data.find(START)  # much faster than a pattern
        while at != -1:
            token = PATTERN.match(data, at)
            if token and token[0] != self.own and [channel, token[0].decode()] not in self.found:
                self.found.append([channel, token[0].decode()])
            at = data.find(START, at + 1)

    def strange(self, channel, what):
        self.found.append([channel, f"strange: {what}"])


def look(own, expect_clean=True):
    search = Search(own)
    surroundings(search, expect_clean)
    interpreter(search)
    files(search)
    descriptors(search, expect_clean)
    kernel_objects(search)
    memory(search)
    return search


def surroundings(search, expect_clean):
    search.see("environment", repr(os.environ))
    LIBC.getenv.restype = ctypes.c_char_p
    search.see("environment", LIBC.getenv(b"CANARY") or b"")
    search.see("host name", os.uname().nodename)
    name = ctypes.create_string_buffer(16)
    LIBC.prctl(16, name, 0, 0, 0)
    if name.value.startswith(PREFIX[:6].encode()):
        search.strange("thread name", name.value)
    if not expect_clean:
        return
    mask = os.umask(0o22)
    clean = {
        "umask": mask == 0o22, "cwd": quietly(os.getcwd) == "/tmp", "nice": os.getpriority(os.PRIO_PROCESS, 0) == 0,
        "blocked signals": not signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "handler": signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL,
        "timer": signal.getitimer(signal.ITIMER_REAL) == (0, 0),
        "threads": threading.active_count() == 1, "limit": open_files()[0] in (64, 256),
        "recursion": sys.getrecursionlimit() == 1000, "switch": sys.getswitchinterval() == 0.005,
    }
    for what, is_clean in clean.items():
        if not is_clean:
            search.strange("state", what)
    if os.getpid() == 2:  # in a pid namespace, which holds no other process
        for pid in range(3, 40):
            if quietly(os.kill, pid, 0) is None and quietly(os.getpgid, pid) is not None:
                search.strange("processes", pid)


def last(count, names):
    """Only these: to take all would copy the page of each, by its count of references."""
    return " ".join(str(name) for name in itertools.islice(reversed(names), count))


def interpreter(search):
    search.see("modules", last(20, sys.modules))
    for module in (builtins, sys, os, json, math, random, re):
        search.see("module attributes", last(10, vars(module)))
    search.see("module attributes", str(getattr(builtins, "canary", "")) + str(getattr(json, "canary", "")))
    search.see("regular expressions", last(5, re._cache))
    search.see("thread names", repr([t.name for t in threading.enumerate()]))
    recent = [o for o in gc.get_objects(generation=0) if type(o) in (list, tuple, dict) and len(o) < 60]
    texts = [v for o in recent for v in (o.values() if type(o) is dict else o) if type(v) is str]
    search.see("objects", " ".join(texts))


def files(search):
    for folder in {*FOLDERS, os.environ.get("TMPDIR", "/tmp"), "."}:
        for top, folders, names in os.walk(folder):
            search.see("file names", " ".join([top, *folders, *names]))
            for name in names[:50]:
                try:
                    with open(os.open(os.path.join(top, name), os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                        search.see("files", file.read(1 << 16))
                except OSError:
                    pass
            if top.count("/") > 6:
                folders.clear()


def descriptors(search, expect_clean):
    for fd in range(4, 128):
        try:
            os.fstat(fd)
        except OSError:
            continue
        if expect_clean:
            search.strange("descriptors", fd)
        try:
            os.set_blocking(fd, False)
            search.see("descriptors", os.read(fd, 1 << 16))
        except OSError:
            pass


def kernel_objects(search):
    LIBC.shmat.restype = ctypes.c_void_p
    identifier = LIBC.shmget(KEY, 4096, 0)
    if identifier != -1:
        address = LIBC.shmat(identifier, None, 0o10000)
        if address not in (None, ctypes.c_void_p(-1).value):
            search.see("System V memory", ctypes.string_at(address, 4096))
        else:
            search.strange("System V memory", identifier)
    if LIBC.semget(KEY, 1, 0) != -1:
        search.strange("System V semaphores", "there")
    if LIBC.msgget(KEY, 0) != -1:
        search.strange("System V messages", "there")
    for keyring in KEYRINGS:
        key = LIBC.syscall(SYS_KEYCTL, KEYCTL_SEARCH, keyring, b"user", b"canary", 0)
        if key != -1:
            text = ctypes.create_string_buffer(200)
            LIBC.syscall(SYS_KEYCTL, KEYCTL_READ, key, text, 200)
            search.see("keys", text.raw)
    fd = LIBC.shm_open(SHM_NAME, os.O_RDONLY, 0)
    if fd != -1:
        search.see("POSIX memory", os.read(fd, 4096))
        os.close(fd)
    fd = quietly(os.open, os.__file__, os.O_RDONLY)  # a file that all jobs see
    for take, how in ((fcntl.flock, fcntl.LOCK_EX), (fcntl.lockf, fcntl.LOCK_SH)):
        try:
            take(fd, how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == 11:
                search.strange("locks", "taken")
    os.close(fd)
    with socket.socketpair()[0] as end:
        try:
            end.connect("\0canary")
            search.strange("abstract sockets", "there")
        except OSError:
            pass


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", *"bcdefghij")]


def memory(search):
    """Freed and fresh memory: of malloc, of Python's pools, of the heap at large."""
    fresh = []
    for size in SIZES:
        fresh += [(LIBC.malloc(size), size) for _ in range(3)]
    for address, size in fresh:
        search.see("fresh memory", ctypes.string_at(address, size))
    for address, _ in fresh:
        LIBC.free(address)
    pools = {id(bytes(size)) & ~0x3FFF for size in range(1, 480, 40)}
    for pool in pools:
        search.see("pools", ctypes.string_at(pool, 0x4000))
    LIBC.sbrk.restype = ctypes.c_void_p
    LIBC.mallinfo2.restype = Mallinfo
    end, size = LIBC.sbrk(0), LIBC.mallinfo2().arena & ~0xFFFF
    somewhere = random.randrange(max(1, size - WINDOW))
    for start, length in ((max(0, size - TOP), TOP), (somewhere, WINDOW)):
        search.see("heap", ctypes.string_at(end - size + start, min(length, size - start)))
    pointer = ctypes.c_char.in_dll(LIBC, "environ")  # the C library's own data
    search.see("data", ctypes.string_at(ctypes.addressof(pointer) & ~0xFFF, 4096))


def leave(own, with_processes=False):
    data = own.encode()
    LEFT.append([own + str(n) for n in range(50)])
    sys.intern(own)
    for size in SIZES:
        filled = data * (size // len(data))
        addresses = [LIBC.malloc(size) for _ in range(3)]
        for address in addresses:
            ctypes.memmove(address, filled, len(filled))
        for address in addresses:
            LIBC.free(address)
    small = [data * times + bytes(n) for times in range(1, 11) for n in range(30)]
    del small
    kept = LIBC.malloc(len(data) + 1)
    ctypes.memmove(kept, data, len(data))
    os.environ["CANARY"] = os.environ[own] = own
    LIBC.setenv(b"CANARY", data, 1)
    sys.modules[own] = builtins
    for module in (builtins, json, sys, os, re, random):
        module.canary = own
        setattr(module, own, 1)
    re.compile(own)
    for folder in {*FOLDERS, os.environ.get("TMPDIR", "/tmp")}:
        for name in ("canary", own):
            try:
                with open(f"{folder}/{name}", "w") as file:
                    file.write(own)
            except OSError:
                pass
    for name in (SHM_NAME, b"/" + data):
        fd = LIBC.shm_open(name, os.O_RDWR | os.O_CREAT, 0o666)
        if fd != -1:
            os.write(fd, data)
    LIBC.shmat.restype = ctypes.c_void_p
    identifier = LIBC.shmget(KEY, 4096, 0o1666)
    if identifier != -1:
        ctypes.memmove(LIBC.shmat(identifier, None, 0), data, len(data))
    LIBC.semget(KEY, 1, 0o1666)
    LIBC.msgget(KEY, 0o1666)
    for keyring in KEYRINGS:
        LIBC.syscall(SYS_ADD_KEY, b"user", b"canary", data, len(data), keyring)
    locked = os.open(os.__file__, os.O_RDONLY)
    quietly(fcntl.flock, locked, fcntl.LOCK_EX)
    quietly(fcntl.lockf, locked, fcntl.LOCK_SH)
    pipe = os.pipe()
    os.write(pipe[1], data)
    left, right = socket.socketpair()
    left.send(data)
    in_flight = array.array("i", [pipe[0], left.fileno(), right.fileno()])
    quietly(left.sendmsg, [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, in_flight)])
    LEFT.extend([pipe, left, right, locked])
    quietly(socket.sethostname, own)
    LIBC.prctl(15, data, 0, 0, 0)
    os.umask(0o77)
    quietly(os.nice, 3)
    LIBC.setrlimit(RLIMIT_NOFILE, (ctypes.c_ulong * 2)(200, 200))
    sys.setrecursionlimit(900)
    sys.setswitchinterval(0.01)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 500)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    atexit.register(print, own)
    os.chdir(os.environ.get("TMPDIR", "/tmp"))
    if with_processes:
        threading.Thread(target=threading.Event().wait, name=own, daemon=True).start()
        if quietly(os.fork) == 0:
            signal.pause()
