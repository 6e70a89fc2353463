"""Leave a message for a later job: POSIX and System V queues, semaphores."""
import ctypes
import os

SYS_MQ_OPEN, SYS_MQ_UNLINK = {"x86_64": (240, 241), "aarch64": (180, 181)}[os.uname().machine]
IPC_PRIVATE, IPC_RMID = 0, 0


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    made = []
    queue = libc.syscall(SYS_MQ_OPEN, b"pyexec-attack", os.O_CREAT | os.O_RDWR, 0o600, None)
    if queue >= 0:
        os.close(queue)
        libc.syscall(SYS_MQ_UNLINK, b"pyexec-attack")
        made.append("POSIX")
    queue = libc.msgget(IPC_PRIVATE, 0o600)
    if queue >= 0:
        libc.msgctl(queue, IPC_RMID, None)
        made.append("System V")
    semaphores = libc.semget(IPC_PRIVATE, 1, 0o600)
    if semaphores >= 0:
        libc.semctl(semaphores, 0, IPC_RMID, None)
        made.append("semaphores")
    return made
