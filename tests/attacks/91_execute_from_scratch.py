"""Run a program and load a library that the job itself wrote."""
import _ctypes
import ctypes
import os
import shutil
import subprocess

LEVELS = (3, 4)  # below, no program can be started at all
NOT_PROMISED_ON = {"gvisor": "it maps files of a noexec mount; a job can make its own memory executable anyway"}
LOADER = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}[os.uname().machine]


def attack(target):
    done = []
    for place in (os.getcwd(), "/dev/shm"):
        program = shutil.copy("/usr/bin/true", os.path.join(place, "pyexec-true"))
        os.chmod(program, 0o755)
        try:
            for command in ([program], [LOADER, program]):
                try:
                    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
                        done.append(command)
                except OSError:
                    pass
            try:
                ctypes.CDLL(shutil.copy(_ctypes.__file__, program))
                done.append("library")
            except OSError:
                pass
        finally:
            os.unlink(program)
    return done
