"""Runs in a jail, as a job: makes random system calls with random arguments, and prints how many so far, a line each.

Children make them where the jail lets the job fork, since most of them come to harm soon; else the job itself. The
driver fills in SEED, SECONDS and PIDS, processes of the host that it would be a pity to harm.
"""

import ctypes
import mmap
import os
import random
import signal
import struct
import time

SEED, SECONDS, PIDS = {seed}, {seconds}, {pids}
CHILDREN = 3
STUCK_SECONDS = 0.5
HIGHEST_CALL = 470
# x86-64: exit, pause, sigreturn, sigsuspend, exit_group, execve, the alarm and itimer that wake blocked calls: they end
# a run at once or for long, so they are tried seldom. kill, tkill, tgkill and fork as well: they end the others.
SELDOM = {{60, 34, 15, 130, 231, 59, 37, 38, 62, 200, 234, 57, 58, 56, 3, 436, 35, 230}}
# A job that is one process is ended besides by what takes its descriptors (the job's socket among them), its memory,
# its thread's pointers or its signal handlers: read, write, close, mmap, mprotect, munmap, brk, rt_sigaction,
# rt_sigprocmask, ioctl, readv, pwrite64, writev, mremap, madvise, dup2, sendfile, sendto, recvfrom, sendmsg, recvmsg,
# shutdown, fcntl, arch_prctl, set_robust_list, set_tid_address, sigaltstack, remap_file_pages, splice, tee, vmsplice,
# dup3, recvmmsg, preadv, pwritev, sendmmsg, copy_file_range, pkey_mprotect, rseq, process_madvise, and so on.
SELDOM_ALONE = {{0, 1, 3, 9, 10, 11, 12, 13, 14, 16, 19, 18, 20, 25, 28, 33, 40, 44, 45, 46, 47, 48, 72, 158, 273, 218, 131,
                216, 275, 276, 278, 292, 299, 295, 296, 307, 326, 329, 334, 440, 327, 328, 149, 151, 160, 302, 97, 332}}
SELDOM_SHARE = 0.005
PATHS = [
    "/tmp/a", "/tmp/b", "/tmp", ".", "..", "/", "/dev/shm/c", "/dev/null", "/dev/zero", "/proc/self/mem", "/etc/passwd",
    "/usr/lib/os-release", "/usr/bin/python3", "/usr/lib/python3", "/sys/fs/cgroup", "", "a", "b/../a",
]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class Arguments:
    """Values of every kind that a call may take; which one a call wants is left to chance."""

    def __init__(self, chance):
        self.chance = chance
        self.room = mmap.mmap(-1, 1 << 16)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.room))
        self.room[0:16] = struct.pack("QQ", 0, 1000)  # a short time
        for i, path in enumerate(PATHS):
            self.room[512 + 64 * i : 512 + 64 * i + len(path) + 1] = path.encode() + b"\0"
        self.pids = [os.getpid(), os.getppid(), 0, 1, 2, 3, -1, -os.getpgrp(), *PIDS]
        self.kinds = [self.small, self.small, self.descriptor, self.pointer, self.pointer, self.path, self.path,
                      self.pid, self.clock_of_pid, self.flag, self.anything, self.edge]

    def small(self):
        return self.chance.randrange(-2, 64)

    def descriptor(self):
        return self.chance.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -100, 1023))

    def pointer(self):
        return self.address + self.chance.randrange(0, 1 << 16, 8)

    def path(self):
        return self.address + 512 + 64 * self.chance.randrange(len(PATHS))

    def pid(self):
        return self.chance.choice(self.pids)

    def clock_of_pid(self):
        return (~self.pid() << 3) | self.chance.randrange(8)

    def flag(self):
        return 1 << self.chance.randrange(64) | 1 << self.chance.randrange(32)

    def anything(self):
        return self.chance.getrandbits(64)

    def edge(self):
        return self.chance.choice((1 << 63, (1 << 64) - 1, (1 << 32) - 1, 1 << 31, 4096, 0xFFFF800000000000, self.address))

    def six(self):
        return [ctypes.c_uint64(self.chance.choice(self.kinds)() & (1 << 64) - 1) for _ in range(6)]


def make_calls(seed, until, count_one, seldom):
    chance = random.Random(seed)
    arguments = Arguments(chance)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)  # wakes blocked calls
    common = [number for number in range(HIGHEST_CALL) if number not in seldom]
    seldom = sorted(seldom)
    while time.monotonic() < until:
        for _ in range(100):
            number = chance.choice(seldom if chance.random() < SELDOM_SHARE else common)
            libc.syscall(ctypes.c_long(number), *arguments.six())
            count_one()


def run_child(seed, until, counts, at):
    def count_one():
        counts[at] += 1

    try:
        make_calls(seed, until, count_one, SELDOM)
    except BaseException:
        pass
    os._exit(0)


class Child:
    def __init__(self, seed, until, counts, at):
        self.at, self.seen, self.seen_at = at, counts[at], time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            run_child(seed, until, counts, at)

    def is_stuck(self, counts):
        now = time.monotonic()
        if counts[self.at] != self.seen:
            self.seen, self.seen_at = counts[self.at], now
        return now - self.seen_at > STUCK_SECONDS


def reap(child):
    try:
        return os.waitpid(child.pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def call_in_children(until):
    counts = memoryview(mmap.mmap(-1, 4096)).cast("Q")
    children, born, told = {{}}, 0, 0
    while time.monotonic() < until:
        for at in range(CHILDREN):
            child = children.get(at)
            if child is not None and child.is_stuck(counts):
                os.kill(child.pid, signal.SIGKILL)
            if child is None or reap(child):
                born += 1
                try:
                    children[at] = Child(f"{{SEED}}-{{born}}", until, counts, at)
                except BlockingIOError:  # as many processes as a job may have: strays of the fuzzing
                    children.pop(at, None)
        if sum(counts) - told > 1000:
            told = sum(counts)
            os.write(1, b"%d\n" % told)
        time.sleep(0.01)
    os.write(1, b"%d\n" % sum(counts))


def call_alone(until):
    done = 0

    def count_one():
        nonlocal done
        done += 1
        if done % 200 == 0:
            os.write(1, b"%d\n" % done)

    make_calls(str(SEED), until, count_one, SELDOM | SELDOM_ALONE)


def main():
    until = time.monotonic() + SECONDS
    try:
        pid = os.fork()
    except OSError:
        return call_alone(until)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return call_in_children(until)
