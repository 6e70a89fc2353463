#!/usr/bin/python3
"""Load on one instance, on three behind nginx, a rolling restart of those, SIGTERM under full load. usage: load.sh [--quick]

Exits with 1 if any request was lost (sent, and answered neither rightly nor by a refusal that says when to try again), or a
server took more than 10 s to end.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import census
import report
import scenario
from clients import script
from front import Front
from instance import BUILD, HERE, Instance

import machine  # of tests/bench; its path comes with instance

FULL = {"percents": (10, 25, 50, 75, 90, 100, 110, 125, 150), "seconds": 5.0, "beside": (10, 50, 100, 150), "peak_seconds": 6.0, "repeats": 2,
        "limit_s": 600}
QUICK = {"percents": (10, 50, 100, 150), "seconds": 2.0, "beside": (100,), "peak_seconds": 2.5, "repeats": 1, "limit_s": 200}
MODES = ("SIGTERM only", "taken out of nginx first")
# pause: longer than nginx leaves an instance alone (fail_timeout); most: what the load ends after
ROLLING = {"modes": MODES, "pause_s": 1.5, "lead_s": 3.0, "most_s": 150}
MOST_STOP_SECONDS = 10.0  # what platforms wait between SIGTERM and SIGKILL
SLEEP_SECONDS, WAITING = 0.2, 200
INSTANCES = 3


KEPT, FRESH = ("--connections", 300), ("--connections", 0, "--fresh")


def sleepers(_peak):
    """Jobs that take time and no CPU, five times as many as there are places for."""
    files = ["--script", HERE / "scripts/sleep.py", "--answer", HERE / "scripts/sleep.json"]
    return files, 5 * max(8, 4 * os.cpu_count()) / SLEEP_SECONDS, KEPT


# kind: what is posted, how often, over what connections, by the peak
DIRECT = {"seconds": 10, "waiting": WAITING, "kinds": {
    "trivial jobs at 4 times the peak, kept connections": lambda peak: (script("trivial"), 4 * peak, KEPT),
    "trivial jobs at 4 times the peak, a connection each": lambda peak: (script("trivial"), 4 * peak, FRESH),
    "jobs that sleep 0.2 s, kept connections": sleepers}}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and short steps: does it still work? At most 2 minutes")
    parser.add_argument("--json", type=Path, default=BUILD / "load.json")
    parser.add_argument("--plot", type=Path, default=BUILD / "load.svg")
    parser.add_argument("--rate-share", type=float, default=0.5, help="of the peak, at which requests come during a rolling restart")
    parser.add_argument("--table", type=Path, metavar="JSON", help="only print, as Markdown, the tables of an earlier run that docs/performance.md has")
    options = parser.parse_args()
    if not 0 < options.rate_share <= 2:
        parser.error("--rate-share is above 0 and at most 2")
    return options


def say(text):
    print(f"[{time.monotonic() - BEGIN:6.1f} s] {text}", flush=True)


BEGIN = time.monotonic()


def one_instance(instance, plan, directory):
    target = scenario.Target("one instance", instance.port, [instance])
    peak = target.peak(plan["peak_seconds"])
    say(f"one instance: peak {peak['jobs_per_s']:.0f} jobs/s")
    points = list(scenario.ramp(target, plan["percents"], peak["jobs_per_s"], plan["seconds"], say))
    beside, batch = scenario.ramp_beside_batch(target, plan["beside"], peak["jobs_per_s"], plan["seconds"], directory, say)
    scenario.settle([instance])
    return {"peak": peak, "ramp": points, "beside_batch": beside, "batch": batch, "memory_kib": census.parts(instance.process.pid)}


def behind_nginx(instances, front, plan, directory):
    target = scenario.Target(f"{len(instances)} instances behind nginx", front.port, instances)
    peak = target.peak(plan["peak_seconds"])
    say(f"{target.name}: peak {peak['jobs_per_s']:.0f} jobs/s")
    points = list(scenario.ramp(target, plan["percents"], peak["jobs_per_s"], plan["seconds"], say))
    beside, batch = scenario.ramp_beside_batch(target, plan["beside"], peak["jobs_per_s"], plan["seconds"], directory, say)
    return {"peak": peak, "ramp": points, "beside_batch": beside, "batch": batch}


def lost_in(record):
    """{what: how many}, of everything that was lost."""
    out = {}
    for where in ("one", "three"):
        part = record[where]
        out[f"{where}: peak"] = part["peak"]["lost"]
        out |= {f"{where}: {point['percent']} %": point["lost"] for point in part["ramp"]}
        out |= {f"{where}: {point['percent']} % beside a batch": point["lost"] for point in part["beside_batch"]}
        out[f"{where}: the batch"] = part["batch"]["lost"] + (part["batch"]["exit_code"] != 0)
    for run in record["rolling"]:
        out[f"rolling restart, {run['mode']}"] = run["lost"]
        out[f"rolling restart, {run['mode']}: the batch"] = run["batch"]["lost"] + (run["batch"]["exit_code"] != 0)
    for number, run in enumerate(record["direct"]):
        out[f"SIGTERM under full load {number}, {run['kind']}"] = run["lost"]
        out[f"SIGTERM under full load {number}, {run['kind']}: not over within {MOST_STOP_SECONDS:.0f} s"] = run["ended_after_s"] > MOST_STOP_SECONDS
    return {what: int(count) for what, count in out.items() if count}


def run(options, plan, directory):
    load_before, whole_run = os.getloadavg()[0], machine.CpuClock()
    record = {"direct": []}
    with Instance(directory) as instance:
        health = instance.health()
        record["host"] = machine.facts(health["versions"], BUILD) | {"level": health["isolation"]["level"]}
        say("host: " + ", ".join(f"{name} {value}" for name, value in record["host"].items()))
        record["one"] = one_instance(instance, plan, directory)
        for _ in range(plan["repeats"]):
            for kind in DIRECT["kinds"]:
                record["direct"].append(scenario.terminated_under_load(instance, record["one"]["peak"]["jobs_per_s"], kind, DIRECT, say))
    with contextlib.ExitStack() as stack:
        instances = [stack.enter_context(Instance(directory)) for _ in range(INSTANCES)]
        front = stack.enter_context(Front(directory, [one.port for one in instances]))
        record["three"] = behind_nginx(instances, front, plan, directory)
        rate = record["three"]["peak"]["jobs_per_s"] * options.rate_share
        record["rolling"] = scenario.rolling(front, instances, rate, directory, ROLLING, say)
    record["disturbed"] = machine.disturbances(load_before, whole_run)
    record["settings"] = {"quick": options.quick, "rate_share": options.rate_share, "script": scenario.SCRIPT} | plan
    record["lost"] = lost_in(record)
    return record


def main():
    options = parse_options()
    if options.table:
        print(report.readme_tables(json.loads(options.table.read_text())))
        return 0
    if os.geteuid() != 0:
        sys.exit("load.py: needs root, as the jails of level 4 do")
    plan = QUICK if options.quick else FULL
    reasons = ((signal.SIGTERM, "stopped"), (signal.SIGINT, "interrupted"), (signal.SIGALRM, f"gave up after {plan['limit_s']} s"))
    for number, reason in reasons:
        signal.signal(number, lambda *_, reason=reason: sys.exit(f"load.py: {reason}"))
    signal.alarm(plan["limit_s"])
    with tempfile.TemporaryDirectory(prefix="pyexec-load-") as name:
        directory = Path(name)
        os.chmod(directory, 0o755)  # nginx's workers are another user
        record = run(options, plan, directory)
    signal.alarm(0)
    options.json.write_text(json.dumps(record, indent=1) + "\n")
    report.draw(record, options.plot)
    print("\n" + report.tables(record))
    print(f"\nwritten: {options.json}, {options.plot}")
    if record["lost"]:
        print("LOST: " + "; ".join(f"{what}: {count}" for what, count in record["lost"].items()))
        return 1
    print("no request was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
