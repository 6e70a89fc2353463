#!/usr/bin/env python3
"""What the server itself costs a job, with a core of its own, and so how many cores one instance can use.

usage: front_end.sh [--rounds N] [--seconds N]

The server's threads run on one core, the jobs and the load on the others: as on a machine with many cores, nothing
else gets into that core's caches. It still sleeps and wakes between jobs, which it does not do where it is full, so the
cost is an upper bound.
"""

import argparse
import os
import statistics
from pathlib import Path

import machine
from subjects import BUILD, SCRIPTS, Service, load


def cpu_ns(pid):
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    own, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise SystemExit("needs two cores")
    load_before, whole_run = os.getloadavg()[0], machine.CpuClock()
    os.sched_setaffinity(0, others)
    costs, rates = {}, {}
    with Service(command=[BUILD / "pyexec-server"], pool=32) as service:
        pid = service.process.pid
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), {own})
        for _ in range(options.rounds):
            for script in SCRIPTS:
                service.wait_full()
                begin = cpu_ns(pid)
                said = load(service.port, script, "closed", "--connections", 32, "--seconds", options.seconds)
                costs.setdefault(script, []).append((cpu_ns(pid) - begin) / said["ok"] / 1000)
                rates.setdefault(script, []).append(said["ok"] / said["seconds"] / len(others))
    for reason in machine.disturbances(load_before, whole_run):
        print("disturbed:", reason)
    for script in SCRIPTS:
        cost, rate = statistics.median(costs[script]), statistics.median(rates[script])
        print(f"{script}: {cost:.0f} us of the server a job ({min(costs[script]):.0f}..{max(costs[script]):.0f}), "
              f"full at {1e6 / cost:.0f} jobs/s; {rate:.0f} jobs/s a core of the others: {1 + 1e6 / cost / rate:.0f} cores")


if __name__ == "__main__":
    main()
