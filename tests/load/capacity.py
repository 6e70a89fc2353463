#!/usr/bin/python3
"""From what a job costs, as load.sh measured it, to instances, vCPUs and money for a rate. usage: capacity.py [--results load.json]

Prints Markdown. cloudrun/CAPACITY.md says what it assumes.
"""

import argparse
import json
import math
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results/load.json"
SECONDS_A_MONTH = 730 * 3600
MEBIBYTES_A_GIBIBYTE = 1024


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--results", type=Path, default=RESULTS, help="what load.sh wrote")
    add("--jobs-per-minute", type=float, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    add("--utilisation", type=float, default=0.7, help="share of the vCPUs' time that is used at that rate; the rest is for bursts and restarts")
    add("--vcpus", type=int, default=8, help="of an instance")
    add("--job-ms", type=float, default=0, help="CPU time that your script takes beyond the measured one, of one vCPU")
    add("--job-mib", type=float, default=50, help="memory that a running job of yours takes")
    add("--vcpu-second", type=float, help="price of a vCPU for a second")
    add("--gib-second", type=float, help="price of a GiB of memory for a second")
    options = parser.parse_args()
    if not 0 < options.utilisation <= 1 or options.vcpus < 1 or min(options.jobs_per_minute) <= 0:
        parser.error("--utilisation is above 0 and at most 1, counts are at least 1")
    if (options.vcpu_second is None) != (options.gib_second is None):
        parser.error("give both prices, or neither")
    return options


class Cost:
    """What a job takes, of the whole machine: kernel threads and interrupts too."""

    def __init__(self, record, extra_ms):
        point = next(p for p in record["one"]["ramp"] if p["percent"] == 50)
        self.whole_us = point["cpu_us_a_job"]
        self.generator_us = point["generator_cpu_us_a_job"]
        self.extra_us = extra_ms * 1000
        self.cores = record["host"]["cores"]
        self.measured_peak = record["one"]["peak"]["jobs_per_s"]
        memory = record["one"]["memory_kib"]
        self.fixed_mib, self.workers = memory["fixed"] / 1024, memory["workers"]
        self.worker_mib = memory["of_workers"] / 1024 / max(1, memory["workers"])

    def us(self):
        return self.whole_us - self.generator_us + self.extra_us

    def predicted_peak(self):
        """Of the machine of the run, the load generator on it included, if all its cores are at work all the time."""
        return self.cores * 1e6 / self.whole_us


def instance_memory_gib(cost, options):
    """By default as many workers are parked, and as many jobs run at once: four a core, at least 8."""
    workers = max(8, 4 * options.vcpus)
    mebibytes = cost.fixed_mib + workers * cost.worker_mib + workers * options.job_mib
    return max(0.5, math.ceil(2 * mebibytes / MEBIBYTES_A_GIBIBYTE) / 2)  # in halves


def row(per_minute, cost, options):
    per_s = per_minute / 60
    busy = per_s * cost.us() / 1e6
    instances = max(1, math.ceil(busy / options.utilisation / options.vcpus))
    memory = instance_memory_gib(cost, options)
    cells = [f"{per_minute:,.0f}", f"{per_s:,.0f}", f"{busy:.1f}", f"{instances}", f"{instances * options.vcpus}", f"{memory:g} GiB"]
    if options.vcpu_second is not None:
        a_second = instances * (options.vcpus * options.vcpu_second + memory * options.gib_second)
        cells += [f"{a_second * SECONDS_A_MONTH:,.0f}", f"{a_second / per_s * 1e6:.2f}"]
    return "| " + " | ".join(cells) + " |"


def report(record, options):
    cost = Cost(record, options.job_ms)
    host = record["host"]
    ratio = cost.predicted_peak() / cost.measured_peak
    run = "a quick run" if record["settings"]["quick"] else "a full run"
    disturbed = f", disturbed ({'; '.join(record['disturbed'])})" if record["disturbed"] else ""
    heads = ["jobs a minute", "a second", "vCPUs at work", f"instances of {options.vcpus} vCPUs", "vCPUs", "memory of an instance"]
    if options.vcpu_second is not None:
        heads += ["a month", "a million jobs"]
    lines = [
        f"From {run}{disturbed}: {host['cores']} cores, {host['CPU']}, Linux {host['kernel']}, Python {host['python']}, level {host['level']}, script `{record['settings']['script']}`.",
        "",
        f"- CPU a job at 50 % of the peak: {cost.whole_us:.0f} µs of the whole machine, of which the load generator's own are {cost.generator_us:.0f}; "
        f"counted here {cost.us():.0f}" + (f", {cost.extra_us:.0f} of them the script's beyond the measured one" if cost.extra_us else "") + ".",
        f"- Check: {host['cores']} cores / {cost.whole_us:.0f} µs = {cost.predicted_peak():.0f} jobs/s predicted; {cost.measured_peak:.0f} measured; ratio {ratio:.2f}.",
        f"- Memory: {cost.fixed_mib:.0f} MiB of the service, {cost.worker_mib:.1f} MiB a parked worker (of {cost.workers}), {options.job_mib:g} MiB a running job (assumed).",
        f"- Utilisation at that rate: {100 * options.utilisation:.0f} % (chosen).",
    ]
    if options.vcpu_second is not None:
        lines.append(f"- Prices (assumed): {options.vcpu_second:.8f} a vCPU-second, {options.gib_second:.8f} a GiB-second, all {SECONDS_A_MONTH // 3600} hours of a month.")
    lines += ["", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + [row(rate, cost, options) for rate in options.jobs_per_minute])


if __name__ == "__main__":
    settings = parse_options()
    try:
        measured = json.loads(settings.results.read_text())
    except OSError as error:
        raise SystemExit(f"capacity.py: {settings.results}: {error.strerror}; tests/load/load.sh --json FILE makes one")
    print(report(measured, settings))
