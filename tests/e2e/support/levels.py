"""Each level of isolation that this host gives, as root and as an ordinary user."""

import glob
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from service import BUILD, TIMEOUT_MS, Service

NAMES = {1: "filtered", 2: "confined", 3: "namespaced", 4: "full"}
USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
PROGRAMS = ["pyexec-server", "pyexec-worker"]
# id: the starter's command, PYEXEC_MAX_LEVEL, the levels that may result
KINDS = {
    "root": ([], 4, {3, 4}),
    "root-3": ([], 3, {3}),
    "root-2": ([], 2, {2}),
    "root-1": ([], 1, {1}),
    "user": (USER, 4, {3}),
    "user-1": (USER, 1, {1}),
}
TMP_MB = 8
HIERARCHIES = "/sys/fs/cgroup"


@pytest.fixture(scope="module")
def programs():
    """A copy of the programs that an ordinary user may execute."""
    folder = Path(tempfile.mkdtemp(prefix="pyexec-test-"))
    folder.chmod(0o755)
    for name in PROGRAMS:
        shutil.copy(BUILD / name, folder)
    yield folder
    shutil.rmtree(folder)


class PrivateShm:
    """A mount namespace with a /dev/shm of its own: anything left there was left by programs that ran here."""

    def __init__(self):
        script = "mount -t tmpfs -o mode=1777 tmpfs /dev/shm && echo ready && exec sleep 100000"
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        self.command = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"]

    def path(self, path):
        return f"/proc/{self.holder.pid}/root{path}"

    def list(self):
        return os.listdir(self.path("/dev/shm"))

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


@pytest.fixture(scope="module")
def shm():
    one = PrivateShm()
    yield one
    one.close()


def run_server(programs, starter=(), arguments=(), **knobs):
    environment = {"PATH": os.environ["PATH"]} | {f"PYEXEC_{k.upper()}": str(v) for k, v in knobs.items()}
    return subprocess.run(
        [*starter, programs / "pyexec-server", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )


def can_have(kind, programs):
    """Whether this host gives that starter that level: it may deny namespaces to ordinary users."""
    starter, most, levels = KINDS[kind]
    return json.loads(run_server(programs, starter, ["--probe"], max_level=most).stdout)["level"] in levels


def can_have_level_4(programs):
    return json.loads(run_server(programs, arguments=["--probe"]).stdout)["level"] == 4


def start_kind(kind, programs, shm, **knobs):
    starter, most, _ = KINDS[kind]
    command = [*shm.command, *starter, programs / "pyexec-server"]
    service = Service(command=command, **{"max_level": most, "timeout_ms": TIMEOUT_MS, "pool": 2} | knobs)
    service.kind = kind
    service.level = service.health()["isolation"]["level"]
    service.shm = shm
    return service


def attempt(statement):
    """A script that returns None, or the name of the exception that `statement` raises."""
    return f"""
import multiprocessing, os, subprocess, sys, tempfile
def main():
    try:
        {statement}
    except BaseException as error:
        return type(error).__name__
"""


def has_processes(service):
    return service.level >= 3


def cgroups_of(pid):
    return glob.glob(f"{HIERARCHIES}/**/pyexec-{pid}-*", recursive=True)


@pytest.fixture(scope="module", params=KINDS)
def at(request, programs, shm):
    if request.param.startswith("user") and not can_have(request.param, programs):
        pytest.skip("this host gives an ordinary user less")
    with start_kind(request.param, programs, shm, tmp_mb=TMP_MB) as running:
        yield running
