"""What is measured: pyexec, and what one could do instead."""

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e/support"))

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from service import BUILD, Service  # noqa: E402,F401

PYTHON = "/usr/bin/python3"
FORKS = {
    "plain forks": (PYTHON, HERE / "plain_fork.py"),
    "bare forks": (BUILD / "pyexec-floor", "fork"),
    "image forks": (BUILD / "pyexec-floor", "image"),
}
SCRIPTS = ("trivial", "series", "correlation")
GUNICORN = "--workers 2 --worker-class gthread --threads 4 --keep-alive 75 --graceful-timeout 5 --log-level error"
JAIL = (
    "/usr/bin/bwrap --unshare-all --die-with-parent --ro-bind /usr /usr --symlink usr/lib /lib "
    "--symlink usr/lib64 /lib64 --symlink usr/bin /bin --ro-bind /etc/alternatives /etc/alternatives "
    "--dev /dev --tmpfs /tmp --ro-bind @DIR@ @DIR@ --chdir /tmp --clearenv --setenv PATH /usr/bin:/bin "
    "--setenv LANG C.UTF-8 --setenv OPENBLAS_NUM_THREADS 1"
)


def run_json(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"})
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def load(port, script, *mode):
    """pyexec-load's own words. Ends the run on an answer that is not the right one."""
    what = ["--get", script] if script.startswith("/") else [
        "--script", HERE / f"scripts/{script}.py", "--answer", HERE / f"scripts/{script}.json"]
    said = run_json(BUILD / "pyexec-load", port, *what, *mode)
    if said["wrong"] or said["failed"] or said["unreached"]:
        raise SystemExit(f"wrong answers to {script}: {said}")
    return said


def forks(subject, script, seconds):
    return run_json(*FORKS[subject], HERE / f"scripts/{script}.py", seconds, os.cpu_count())


def in_process(script, runs):
    return run_json(BUILD / "pyexec-floor", "inline", HERE / f"scripts/{script}.py", runs)


class Counters:
    """What the service has counted and timed (GET /metrics) since this was made."""

    def __init__(self, service):
        self.service = service
        self.before = self.read()

    def read(self):
        text = self.service.request("GET", "/metrics").raw.decode()
        families = text_string_to_metric_families(text)
        return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples if "le" not in s.labels}

    def grown(self):
        now = self.read()
        grown = {name: value - self.before.get(name, 0) for name, value in now.items()}
        phases = {}
        for of in ("request", "refill"):
            for name, *label in grown:
                if name == f"pyexec_{of}_phase_seconds_count" and grown[name, *label]:
                    mean = grown[f"pyexec_{of}_phase_seconds_sum", *label] / grown[name, *label]
                    phases[f"{of}: {label[0]}"] = mean * 1e6
        hits, misses = (grown["pyexec_worker_acquisitions_total", result] for result in ("hit", "miss"))
        jails = {name: grown.get(("pyexec_jails_total", name), 0) for name in ("kept", "made")}
        kept = 100 * jails["kept"] / sum(jails.values()) if any(jails.values()) else None
        return {"kept_jails_percent": kept, "phases_us": phases, "server_cpu_s": grown["process_cpu_seconds_total",], "hit_rate": hits / (hits + misses) if hits + misses else None}


@contextlib.contextmanager
def exec_per_request():
    """Serves exec_per_request.py on a free loopback port; yields the port."""
    with tempfile.TemporaryDirectory(prefix="pyexec-bench-") as directory, socket.socket() as listener:
        os.chmod(directory, 0o755)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        command = [PYTHON, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}", "--chdir", HERE]
        command += [*shlex.split(GUNICORN), "exec_per_request:app"]
        environment = os.environ | {"JAIL": JAIL, "JOBS_DIR": directory, "PYTHONDONTWRITEBYTECODE": "1"}
        server = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()])
        port = listener.getsockname()[1]
        listener.close()
        try:
            yield port
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def is_below(pid, ancestor):
    while pid > 1 and pid != ancestor:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return pid == ancestor


def private_kib_of_workers(service):
    """Of each parked worker of the service: what it alone holds in memory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text().strip()
            if name == "pyexec-worker" and is_below(int(process.name), service.process.pid):
                lines = (process / "smaps_rollup").read_text().splitlines()
                found.append(sum(int(line.split()[1]) for line in lines if line.startswith("Private_")))
    return sorted(found)


def available_kib():
    text = Path("/proc/meminfo").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemAvailable"))
