"""What latency.py prints and writes: the host, medians with their spread, ratios, disturbances."""

import itertools
import json
import os
import platform
import re
import statistics
from pathlib import Path


def ratios(series, wanted):
    """{text: [one ratio per round]}; what was measured in one round only is set against every round.

    wanted: {text: (key of the numerator in series, key of the denominator)}.
    """
    return {
        text: [a / b for a, b in zip(series[above], itertools.cycle(series[below]))]
        for text, (above, below) in wanted.items()
    }


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": values}


def shown(values):
    return f"{statistics.median(values):10.3f} ({min(values):.3f}..{max(values):.3f})"


def host(versions, build):
    """Facts for a reader who compares two runs. build: the build directory of the server."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    thp = re.search(r"\[(\w+)\]", Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text())
    cache = build / "CMakeCache.txt"
    release = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache.read_text() if cache.exists() else "", re.M)
    found = {"kernel": platform.release(), "cores": os.cpu_count(), "CPU": cpu[1] if cpu else "unknown"}
    found |= dict(zip(("Python", "numpy", "pandas"), versions))
    return found | {"THP": thp[1] if thp else "unknown", "build": release[1] if release else "unknown"}


def cpu_ticks():
    """(steal, all) of the machine since boot."""
    ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[7], sum(ticks)


def disturbances(load, before, after):
    """Reasons to trust no ratio. load: the load average before the run; before, after: cpu_ticks()."""
    steal, ticks = after[0] - before[0], after[1] - before[1]
    out = []
    if load > os.cpu_count() / 2:
        out.append(f"load average {load:.2f} before the start, more than {os.cpu_count() / 2:g}")
    if steal > 0.01 * ticks:
        out.append(f"{100 * steal / ticks:.1f} % of the CPU time was stolen, more than 1 %")
    return out


def report(series, wanted, facts, disturbed, options):
    """Prints the tables, writes the same as JSON. series: of latency.py's measure(); wanted: see ratios()."""
    print("host: " + ", ".join(f"{name} {value}" for name, value in facts.items()))
    if disturbed:
        print("disturbed: " + "; ".join(disturbed))
    print(f"medians over the rounds (smallest..largest round); rounds: {options.rounds}\n")
    print(f"{'latency, ms':20} {'script':8} {'p50':>10} {'':24} {'p99':>10}")
    for metric, subject, script in series:
        if metric == "p50":
            p50, p99 = (shown(series[name, subject, script]) for name in ("p50", "p99"))
            print(f"{subject:20} {script:8} {p50:35} {p99}")
    print(f"\n{'closed loop, peak, jobs/s':42} {'median':>10}")
    for metric, subject, script in series:
        if metric == "peak":
            print(f"{subject:33} {script:8} {shown(series[metric, subject, script])}")
    print(f"\n{'ratios':56} {'median':>10}")
    found = ratios(series, wanted)
    for text, values in found.items():
        print(f"{text:56} {'no verdict' if disturbed else shown(values)}")
    names = {"p50": "latency_p50_ms", "p99": "latency_p99_ms", "peak": "closed_loop_peak_jobs_per_s"}
    rows = [
        {"subject": subject, "script": script, "metric": names[metric]} | summary(values)
        for (metric, subject, script), values in series.items()
    ]
    verdicts = {text: None if disturbed else summary(values) for text, values in found.items()}
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    record = {"host": facts, "settings": settings, "disturbed": disturbed, "measured": rows}
    record["ratios"] = verdicts
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(record, indent=1) + "\n")
    print(f"\nwritten: {options.json}")
