"""Latency and peak throughput of pyexec, beside an app that starts one jailed Python per request.

One run, interleaved rounds: each round measures every subject, every other round in reverse order. What is
printed is the median over the rounds with the smallest and the largest round. Times are milliseconds in
the output and seconds in the code. README.md says what each number means.
"""

import argparse
import contextlib
import gc
import importlib.util
import json
import math
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "e2e"))

from client import Case, Connection, WrongAnswer, latencies, peak  # noqa: E402
from report import cpu_ticks, disturbances, host, report  # noqa: E402
from service import BUILD, Service  # noqa: E402

PYTHON = "/usr/bin/python3"
SETTLE_SECONDS = 0.2
PEAK_CONNECTIONS = 4, 8
PEER_CONNECTIONS = 4
PYEXEC, PEER, FLOOR, ECHO = "pyexec", "exec-per-request", "in-process", "pyexec GET /healthz"
QUICK = {"rounds": 1, "samples": 50, "floor_samples": 200, "peer_trivial": 3, "peer_pandas": 2}
QUICK |= {"peak_s": 0.7, "peer_peak_s": 1.0}

SCRIPTS = {
    "trivial": 'def main():\n    return {"a": 1}',
    "pandas": "import pandas as pd\n\ndef main():\n    s = pd.Series([1, 2, 3])\n"
    '    print("len:", len(s))\n    return {"sum": int(s.sum())}',
}
ANSWERS = {
    "trivial": {"result": {"a": 1}, "stdout": ""},
    "pandas": {"result": {"sum": 6}, "stdout": "len: 3\n"},
}
WRONG = 'def main():\n    return {"a": 2}'
WORLD = (
    "import os, platform, numpy, pandas\n\ndef main():\n"
    "    versions = [platform.python_version(), numpy.__version__, pandas.__version__]\n"
    "    return [*versions, os.path.exists('/etc/passwd')]"
)
GUNICORN = (
    "--workers 2 --worker-class gthread --threads 4 --keep-alive 75 --graceful-timeout 5 --log-level error"
)
JAIL = (
    "/usr/bin/bwrap --unshare-all --die-with-parent --ro-bind /usr /usr --symlink usr/lib /lib "
    "--symlink usr/lib64 /lib64 --symlink usr/bin /bin --ro-bind /etc/alternatives /etc/alternatives "
    "--dev /dev --tmpfs /tmp --ro-bind @DIR@ @DIR@ --chdir /tmp --clearenv --setenv PATH /usr/bin:/bin "
    "--setenv LANG C.UTF-8 --setenv OPENBLAS_NUM_THREADS 1"
)

CASES = {name: Case.post(script, ANSWERS[name]) for name, script in SCRIPTS.items()}
HEALTHZ = Case(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n", {"status": "ok"})


def floor(samples):
    """{script: seconds of each run}, from a fresh process, so that this one stays small."""
    order = json.dumps({"scripts": SCRIPTS, "samples": samples})
    command = [PYTHON, HERE / "in_process.py"]
    done = subprocess.run(command, input=order, stdout=subprocess.PIPE, text=True, check=True)
    measured = json.loads(done.stdout)
    for name, one in measured.items():
        for answer in one["answers"]:
            CASES[name].check(200, answer.encode())
    return {name: one["seconds"] for name, one in measured.items()}


@contextlib.contextmanager
def exec_per_request():
    """Serves exec_per_request.py on a free loopback port; yields the address."""
    with tempfile.TemporaryDirectory(prefix="pyexec-bench-") as directory, socket.socket() as listener:
        os.chmod(directory, 0o755)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        command = [PYTHON, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}", "--chdir", HERE]
        command += [*shlex.split(GUNICORN), "exec_per_request:app"]
        environment = os.environ | {"JAIL": JAIL, "JOBS_DIR": directory, "PYTHONDONTWRITEBYTECODE": "1"}
        server = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()])
        address = listener.getsockname()
        listener.close()
        try:
            yield address
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def prove_fit(address):
    """Both services must have the same Python and packages, hide the host's files, and a wrong answer must
    be noticed. Returns the versions."""
    with contextlib.closing(Connection(address)) as connection:
        connection.send(Case.post(WORLD, None))
        status, body = connection.receive()
        *versions, sees_host = json.loads(body)["result"] if status == 200 else [body, True]
        if sees_host:
            raise WrongAnswer(f"not a jail with numpy and pandas: {status} {body[:600]!r}")
        right, wrong = CASES["trivial"], Case.post(WRONG, ANSWERS["trivial"])
        connection.exchange(right)
        with contextlib.suppress(WrongAnswer):
            connection.exchange(wrong)
            raise SystemExit("latency.py: a wrong answer was taken for a right one")
    return versions


def percentile(seconds, percent):
    """Nearest rank over all samples, in ms: below 100 samples p99 is the largest."""
    return sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1] * 1000


def measure(options, service, peer):
    """Returns {(metric, subject, script): [one value per round]}.

    Metrics: p50 and p99, in ms, and peak, in jobs/s.
    """
    series, here = {}, (service.host, service.port)
    peer_samples = {"trivial": options.peer_trivial, "pandas": options.peer_pandas}

    def note(metric, subject, script, value):
        series.setdefault((metric, subject, script), []).append(value)

    def note_latency(subject, script, seconds):
        for percent in 50, 99:
            note(f"p{percent}", subject, script, percentile(seconds, percent))

    def open_loop(subject, script, case):
        note_latency(subject, script, latencies(here, case, options.samples, options.interval_ms / 1000))

    def closed_loop(script):
        note_latency(PEER, script, latencies(peer, CASES[script], peer_samples[script], 0))

    def in_process():
        for script, seconds in floor(options.floor_samples).items():
            note_latency(FLOOR, script, seconds)

    def pyexec_peak(script, connections):
        value = peak(here, CASES[script], connections, options.peak_s)
        note("peak", f"{PYEXEC}, {connections} connections", script, value)

    def peer_peak(script):
        value = peak(peer, CASES[script], PEER_CONNECTIONS, options.peer_peak_s)
        note("peak", f"{PEER}, {PEER_CONNECTIONS} connections", script, value)

    steps = [(open_loop, PYEXEC, script, CASES[script]) for script in SCRIPTS]
    steps += [(closed_loop, script) for script in SCRIPTS]
    steps += [(open_loop, ECHO, "-", HEALTHZ), (in_process,)]
    steps += [(pyexec_peak, script, count) for count in PEAK_CONNECTIONS for script in SCRIPTS]
    for number in range(options.rounds):
        last = [(peer_peak, script) for script in SCRIPTS] if number == options.rounds - 1 else []
        for step, *arguments in (steps[::-1] if number % 2 else steps) + last:
            service.wait_full()
            time.sleep(SETTLE_SECONDS)
            step(*arguments)
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    return series


def wanted_ratios():
    """For report()."""
    out = {}
    for script in SCRIPTS:
        pyexec, peer, floor_ = (("p50", subject, script) for subject in (PYEXEC, PEER, FLOOR))
        out[f"p50 {PEER} / {PYEXEC}, {script}"] = peer, pyexec
        out[f"p50 {PYEXEC} / {FLOOR}, {script}"] = pyexec, floor_
    for script in SCRIPTS:
        peaks = (("peak", f"{subject}, {PEER_CONNECTIONS} connections", script) for subject in (PYEXEC, PEER))
        out[f"peak {PYEXEC} / {PEER}, {PEER_CONNECTIONS} connections, {script}"] = tuple(peaks)
    return out


def parse_options():
    parser = argparse.ArgumentParser(description="Latency and peak throughput of pyexec; see README.md.")
    add = parser.add_argument
    add("--quick", action="store_true", help="one small round, as a smoke check; overrides the counts below")
    add("--rounds", type=int, default=5)
    add("--samples", type=int, default=200, help="requests per round, for each script and /healthz")
    add("--interval-ms", type=float, default=20.0, help="between two requests to pyexec, open loop")
    add("--floor-samples", type=int, default=1000, help="in-process runs per round and script")
    add("--peer-trivial", type=int, default=15, help="exec-per-request requests per round")
    add("--peer-pandas", type=int, default=10, help="exec-per-request requests per round")
    add("--peak-s", type=float, default=3.0, help="seconds of each peak of pyexec")
    add("--peer-peak-s", type=float, default=5.0, help="the same of exec-per-request, last round only")
    add("--limit-s", type=int, default=1200, help="the run gives up after this time")
    add("--json", type=Path, default=BUILD / "bench-latency.json")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    if any(value <= 0 for value in vars(options).values() if isinstance(value, float)):
        parser.error("times must be more than 0")
    if any(value < 1 for value in vars(options).values() if type(value) is int):
        parser.error("counts start at 1")
    return options


def require_programs():
    if not (BUILD / "pyexec-server").exists():
        raise SystemExit(
            f"latency.py: no {BUILD}/pyexec-server; set BUILD_DIR, or build it:\n"
            f"  cmake -S {REPO} -B {BUILD} -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build {BUILD}"
        )
    modules = {"flask": "python3-flask", "gunicorn": "gunicorn", "pandas": "python3-pandas"}
    missing = [package for name, package in modules.items() if importlib.util.find_spec(name) is None]
    missing += [] if os.path.exists("/usr/bin/bwrap") else ["bubblewrap"]
    if missing:
        raise SystemExit(f"latency.py: missing; apt-get install {' '.join(missing)}")


def main():
    options = parse_options()
    require_programs()
    reasons = {signal.SIGTERM: "stopped", signal.SIGALRM: f"gave up after {options.limit_s} s"}
    for number, reason in reasons.items():
        signal.signal(number, lambda *_, reason=reason: sys.exit(f"latency.py: {reason}"))
    signal.alarm(options.limit_s)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    gc.disable()
    load, ticks = os.getloadavg()[0], cpu_ticks()
    with Service() as service, exec_per_request() as peer:
        versions = prove_fit((service.host, service.port))
        if (other := prove_fit(peer)) != versions:
            raise SystemExit(f"latency.py: pyexec has {versions}, exec-per-request has {other}")
        series = measure(options, service, peer)
    disturbed = disturbances(load, ticks, cpu_ticks())
    report(series, wanted_ratios(), host(versions, BUILD), disturbed, options)


main()
