"""pyexec beside one jailed Python per request, beside bare forks of the same warm interpreter, and beside
that interpreter itself. One run, interleaved rounds. README.md says what each figure means."""

import argparse
import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

import machine
import plot
from subjects import (BUILD, FORKS, SCRIPTS, Counters, Service, available_kib, exec_per_request, forks, in_process, load,
                      private_kib_of_workers)

PERCENTILES = ("p50", "p99", "p99.9", "max")
REQUEST = ("parse", "admit", "pool_wait", "hand_off", "run", "report", "kill", "reply", "reap")
REFILL = ("namespaces", "mounts", "fork", "populate", "enter", "warm_up", "total")
PHASES = [f"request: {name}" for name in REQUEST] + [f"refill: {name}" for name in REFILL]
CURVE = (10, 25, 50, 75, 90, 100, 110, 125, 150)
QUICK = {"rounds": 1, "seconds": 0.7, "peer_seconds": 2.0, "runs": 200, "curve": False}


class Series:
    """Values by (figure, subject, script), one a round."""

    def __init__(self):
        self.values = {}

    def note(self, figure, subject, script, value):
        self.values.setdefault((figure, subject, script), []).append(value)

    def median(self, *key):
        return statistics.median(self.values[key])

    def shown(self, *key):
        found = self.values.get(key)
        if not found:
            return "-"
        return f"{statistics.median(found):.4g} ({min(found):.4g}..{max(found):.4g})"

    def ratios(self, above, below):
        """One a round."""
        return [a / b for a, b in zip(self.values[above], self.values[below])]


def measured(series, subject, script, said, cpu_seconds, figure):
    for name in PERCENTILES:
        series.note(f"{name} {figure}, ms", subject, script, said["latency_us"][name] / 1000)
    series.note(f"CPU a job {figure}, us", subject, script, cpu_seconds / said["ok"] * 1e6)


class Bench:
    def __init__(self, options, service, peer_port):
        self.options, self.service, self.peer = options, service, peer_port
        self.series = Series()
        self.capacity = {}

    def settle(self):
        self.service.wait_full()
        time.sleep(0.2)

    def pyexec_load(self, script, *mode):
        self.settle()
        counters, cpu = Counters(self.service), machine.CpuClock()
        said = load(self.service.port, script, *mode)
        self.service.wait_full()
        busy = cpu.busy_seconds()
        return said | counters.grown(), busy

    def calibrate(self):
        """The rates of all rounds: from closed loops before them."""
        for script in SCRIPTS:
            said, _ = self.pyexec_load(script, "closed", "--connections", 8, "--seconds", self.options.seconds)
            peer = load(self.peer, script, "closed", "--connections", 4, "--seconds", self.options.peer_seconds)
            self.capacity[script] = said["ok"] / said["seconds"], peer["ok"] / peer["seconds"]

    def pyexec_peak(self, script):
        said, cpu = self.pyexec_load(script, "closed", "--connections", 8, "--seconds", self.options.seconds)
        self.series.note("closed loop, jobs/s", "pyexec", script, said["ok"] / said["seconds"])
        self.series.note("of it the server's, us", "pyexec", script, said["server_cpu_s"] / said["ok"] * 1e6)
        if said["kept_jails_percent"] is not None:
            self.series.note("in kept jails, %", "pyexec", script, said["kept_jails_percent"])
        measured(self.series, "pyexec", script, said, cpu, "closed loop")

    def sequential(self, script):
        """One client that sends one job after the other."""
        said, cpu = self.pyexec_load(script, "closed", "--connections", 1, "--seconds", self.options.seconds)
        self.series.note("sequential, jobs/s", "pyexec", script, said["ok"] / said["seconds"])
        measured(self.series, "pyexec", script, said, cpu, "sequential")

    def pyexec_open(self, script, share):
        rate = self.capacity[script][0] * share / 100
        said, cpu = self.pyexec_load(script, "open", "--rate", rate, "--seconds", self.options.seconds, "--connections", 32)
        measured(self.series, "pyexec", script, said, cpu, f"at {share} %")
        if share == 10:
            for phase, mean in said["phases_us"].items():
                self.series.note(phase, "phases", script, mean)

    def echo(self):
        rate = self.capacity["trivial"][0] / 10
        said, cpu = self.pyexec_load("/healthz", "open", "--rate", rate, "--seconds", self.options.seconds)
        measured(self.series, "HTTP alone", "-", said, cpu, "at 10 %")

    def peer_peak(self, script):
        cpu = machine.CpuClock()
        said = load(self.peer, script, "closed", "--connections", 4, "--seconds", self.options.peer_seconds)
        self.series.note("closed loop, jobs/s", "exec-per-request", script, said["ok"] / said["seconds"])
        self.series.note("CPU a job closed loop, us", "exec-per-request", script, cpu.busy_seconds() / said["ok"] * 1e6)

    def peer_open(self, script):
        rate = self.capacity[script][1] / 10
        seconds = max(self.options.peer_seconds, 8 / rate)
        said = load(self.peer, script, "open", "--rate", rate, "--seconds", seconds, "--connections", 4)
        for name in ("p50", "max"):
            self.series.note(f"{name} at 10 %, ms", "exec-per-request", script, said["latency_us"][name] / 1000)

    def floors(self, script):
        for subject in FORKS:
            said = forks(subject, script, self.options.seconds)
            self.series.note("closed loop, jobs/s", subject, script, said["per_s"])
            self.series.note("p50 closed loop, ms", subject, script, said["p50_us"] / 1000)

    def inline(self, script):
        self.series.note("p50 closed loop, ms", "in-process", script, in_process(script, self.options.runs)["p50_us"] / 1000)

    def round(self, number):
        steps = [(self.echo,)]
        for script in SCRIPTS:
            steps += [(self.pyexec_open, script, 10), (self.pyexec_open, script, 50), (self.pyexec_peak, script),
                      (self.sequential, script), (self.floors, script), (self.inline, script), (self.peer_open, script), (self.peer_peak, script)]
        for step, *arguments in steps[::-1] if number % 2 else steps:
            step(*arguments)

    def curve(self, script):
        points = []
        for percent in CURVE:
            rate = self.series.median("closed loop, jobs/s", "pyexec", script) * percent / 100
            said, _ = self.pyexec_load(script, "open", "--rate", rate, "--seconds", self.options.seconds, "--connections", 64)
            points.append({"percent": percent, "offered_per_s": rate, "goodput_per_s": said["ok"] / said["seconds"],
                           "p50_ms": said["latency_us"]["p50"] / 1000, "p99_ms": said["latency_us"]["p99"] / 1000,
                           "refused": said["refused"], "offered": said["offered"], "pool_hit_rate": said["hit_rate"]})
        return points


def burst_and_memory(knobs):
    """Of a pool of 64, on a server of its own."""
    before = available_kib()
    with Service(pool=64, **knobs) as service:
        service.wait_full()
        time.sleep(0.5)
        private = private_kib_of_workers(service)
        out = {"idle_worker_private_kib": private[0], "idle_worker_for_pandas_private_kib": private[-1],
               "available_memory_kib_a_worker": (before - available_kib()) / 64}
        said = load(service.port, "trivial", "burst", "--count", 64)
        begin = time.monotonic()
        service.wait_full()
        out["refill_of_64_per_s"] = 64 / (time.monotonic() - begin + said["seconds"])
        said = load(service.port, "trivial", "burst", "--count", 100)
        return out | {"burst_of_100_ms": said["seconds"] * 1000, "burst_of_100_p99_ms": said["latency_us"]["p99"] / 1000}


def verdicts(series):
    """{text: one ratio a round}."""
    out = {}

    def ratio(text, above, below):
        out[text] = series.ratios(above, below)

    for script in SCRIPTS:
        ours = "closed loop, jobs/s", "pyexec", script
        for subject in FORKS:
            ratio(f"throughput, {script}: pyexec / {subject}", ours, ("closed loop, jobs/s", subject, script))
        ratio(f"throughput, {script}: pyexec / exec-per-request", ours, ("closed loop, jobs/s", "exec-per-request", script))
        p50 = ("p50 at 10 %, ms", "pyexec", script)
        ratio(f"p50 at 10 %, {script}: exec-per-request / pyexec", ("p50 at 10 %, ms", "exec-per-request", script), p50)
        ratio(f"p50 at 10 %, {script}: pyexec / in-process", p50, ("p50 closed loop, ms", "in-process", script))
        ratio(f"{script}: p99 at 50 % / p50 at 50 %", ("p99 at 50 %, ms", "pyexec", script), ("p50 at 50 %, ms", "pyexec", script))
    both = [a + b for a, b in zip(series.values["p50 closed loop, ms", "in-process", "trivial"],
                                  series.values["p50 at 10 %, ms", "HTTP alone", "-"])]
    out["p50 at 10 %, trivial: pyexec / (in-process + HTTP alone)"] = [
        a / b for a, b in zip(series.values["p50 at 10 %, ms", "pyexec", "trivial"], both)]
    return out


def report(series, found, extra, disturbed, curves):
    subjects = ("in-process", *FORKS, "pyexec", "exec-per-request", "HTTP alone")
    for script in (*SCRIPTS, "-"):
        rows = sorted({key[0] for key in series.values if key[2] == script and key[1] in subjects})
        print(f"\n{script if script != '-' else 'GET /healthz'}")
        for figure in rows:
            for subject in subjects:
                if (figure, subject, script) in series.values:
                    print(f"  {figure:28} {subject:17} {series.shown(figure, subject, script)}")
    print("\nphases at 10 %, mean, us" + "".join(f"{script:>24}" for script in SCRIPTS))
    for phase in PHASES:
        print(f"  {phase:22}" + "".join(f"{series.shown(phase, 'phases', script):>24}" for script in SCRIPTS))
    for script, points in curves.items():
        print(f"\n{script}: load     offered/s  goodput/s    p50 ms    p99 ms   pool hits   refused")
        for p in points:
            print(f"  {p['percent']:>8} %  {p['offered_per_s']:>10.0f} {p['goodput_per_s']:>10.0f} {p['p50_ms']:>9.2f} {p['p99_ms']:>9.1f} "
                  f"{p['pool_hit_rate']:>10.0%} {p['refused']:>9}")
    print("\nratios, a round: median (smallest..largest)")
    for text, values in found.items():
        shown = "no verdict" if disturbed else f"{statistics.median(values):.3g} ({min(values):.3g}..{max(values):.3g})"
        print(f"  {text:62} {shown}")
    print("\npool of 64")
    for name, value in extra.items():
        print(f"  {name:32} {value:.5g}")


def parse_options():
    parser = argparse.ArgumentParser(description="Measures pyexec; see README.md beside this file.")
    add = parser.add_argument
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=3.0, help="of each measurement")
    add("--peer-seconds", type=float, default=5.0, help="of each measurement of exec-per-request")
    add("--runs", type=int, default=1000, help="in-process runs")
    add("--quick", action="store_true", help="one small round: does it still work?")
    add("--level", type=int, default=4, help="PYEXEC_MAX_LEVEL of the server")
    add("--json", type=Path, default=BUILD / "bench.json")
    add("--plot", type=Path, default=BUILD / "bench.svg")
    add("--limit-s", type=int, default=2400, help="the run gives up after this time")
    options = parser.parse_args()
    options.curve = True
    if options.quick:
        vars(options).update(QUICK)
    if options.rounds < 1 or options.runs < 1 or options.seconds <= 0 or options.peer_seconds <= 0:
        parser.error("counts and times are more than 0")
    return options


def main():
    options = parse_options()
    for number, reason in ((signal.SIGTERM, "stopped"), (signal.SIGALRM, f"gave up after {options.limit_s} s")):
        signal.signal(number, lambda *_, reason=reason: sys.exit(f"bench.py: {reason}"))
    signal.alarm(options.limit_s)
    load_before, whole_run = os.getloadavg()[0], machine.CpuClock()
    knobs = {"max_level": options.level}
    with Service(**knobs) as service, exec_per_request() as peer:
        health = service.health()
        facts = machine.facts(health["versions"], BUILD) | {"level": health["isolation"]["level"]}
        print("host: " + ", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
        bench = Bench(options, service, peer)
        bench.calibrate()
        for number in range(options.rounds):
            bench.round(number)
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
        curves = {script: bench.curve(script) for script in SCRIPTS[:2]} if options.curve else {}
    extra = burst_and_memory(knobs)
    disturbed = machine.disturbances(load_before, whole_run)
    if disturbed:
        print("disturbed: " + "; ".join(disturbed))
    found = verdicts(bench.series)
    report(bench.series, found, extra, disturbed, curves)
    record = {
        "host": facts, "settings": {name: value for name, value in vars(options).items() if name not in ("json", "plot")}, "disturbed": disturbed,
        "measured": [{"figure": f, "subject": s, "script": p, "rounds": v} for (f, s, p), v in bench.series.values.items()],
        "ratios": None if disturbed else found, "curves": curves, "pool_of_64": extra,
    }
    options.json.write_text(json.dumps(record, indent=1) + "\n")
    if curves:
        plot.draw(record, options.plot)
    print(f"\nwritten: {options.json}" + (f", {options.plot}" if curves else ""))


main()
