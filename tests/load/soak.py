#!/usr/bin/python3
"""Mixed jobs at a share of one instance's peak for a while; what it holds is looked at every 10 s. usage: soak.sh [--minutes 30]

Says of each figure whether it stayed flat: the mean of the last third of the time beside that of the second. Exits with 1 if
a request was lost, a figure grew, or something was left behind. PYEXEC_* variables go to the instance.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import census
from clients import Singles, lost, run_singles
from instance import BUILD, Instance
from mix import MIX, Odd

import machine  # of tests/bench; its path comes with instance
import soak_plot

EVERY_SECONDS = 10.0
CLIENTS = 8
SETTLE_SECONDS = 30

# How much more the last third may hold than the second: a share of it, and so much besides. The first is warm-up, in which
# an allocator gets what the busiest moments take, and does not give it back. Not judged: PSS, as what is
# shared is divided by those who share it, and they come and go; figures of the whole machine, but for what stays when all is over.
ALLOWED = {
    "anonymous, KiB": (0.02, 256, "an allocator's slack"),
    "RSS, KiB": (0.02, 1024, "the same, and pages of programs that were used since"),
    "descriptors": (0.1, 32, "some for each job that runs, or whose connection is closing, at the moment"),
    "mounts": (0, 0, "a jail's mounts are its own"),
    "processes": (0.1, 8, "jobs that run, and jails that are taken apart at the moment"),
    "slots": (0, 8, "as many as were ever needed at once"),
    "zombies": (0.1, 4, "those that are about to be waited for"),
    "control groups": (0, 24, "a slot has one in each hierarchy"),
}
KIB_A_CONNECTION = 32  # of the server's memory: buffers of a connection, and of the request on it

# Must be as before, once the load is over, and once the instance has ended.
IDLE = ("processes", "zombies", "jailer: mounts", *(f"{kind}: descriptors" for kind in census.LASTING))
ENDED = ("mounts of the machine", "temporary files", "SysV objects", *(f"{kind} namespaces of the machine" for kind in census.NAMESPACES))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--load", type=float, default=0.7, help="share of the peak")
    parser.add_argument("--json", type=Path, default=BUILD / "soak.json")
    parser.add_argument("--plot", type=Path, default=BUILD / "soak.svg")
    options = parser.parse_args()
    if not 1 <= options.minutes <= 24 * 60 or not 0 < options.load <= 1:
        parser.error("--minutes is from 1 to a day, --load above 0 and at most 1")
    return options


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def rates(instance, load):
    """Of each kind so many a second that all together take `load` of the CPU time of the closed loops' peaks."""
    out = {}
    for kind, (what, share) in MIX.items():
        instance.wait_full()
        said = run_singles(instance.port, what, "closed", "--connections", CLIENTS, "--seconds", 3)
        if lost(said):
            raise SystemExit(f"wrong answers to '{kind}': {said}")
        peak = said["ok"] / said["seconds"]
        out[kind] = {"peak_per_s": peak, "rate_per_s": load * share * peak}
        say(f"{kind}: peak {peak:.0f}/s, now {out[kind]['rate_per_s']:.1f}/s")
    return out


def idle_sample(instance):
    """When nothing runs, and what jobs leave for a moment is gone: the least of some looks."""
    instance.wait_full()
    looks = []
    for _ in range(10):
        time.sleep(0.3)
        looks.append(census.look(instance))
    return {name: min(look[name] for look in looks if name in look) for name in looks[-1]}


def watch(instance, minutes):
    """Samples until the time is over."""
    samples, begin = [], time.monotonic()
    while (at := time.monotonic() - begin) < minutes * 60:
        samples.append({"at_s": round(at, 1)} | census.look(instance))
        now = samples[-1]
        if len(samples) % 6 == 1:
            memory = ", ".join(f"{kind} {now[f'{kind}: anonymous, KiB'] / 1024:.1f} MiB" for kind in census.LASTING if f"{kind}: RSS, KiB" in now)
            say(f"{at / 60:5.1f} min: anonymous memory: {memory}; {now['processes']} processes, {now['zombies']} zombies, server's descriptors {now.get('server: descriptors')}")
        time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - begin - at)))
    return samples


def verdicts(samples):
    """Of each figure: means of the thirds, how much more is allowed, whether that held."""
    third = max(1, len(samples) // 3)
    parts = samples[:third], samples[-2 * third:-third] or samples[:third], samples[-third:]
    more_connections = max(0.0, statistics.mean(row["connections"] for row in parts[2]) -
                           statistics.mean(row["connections"] for row in parts[1]))
    out = {}
    for name in sorted({name for row in samples for name in row} - {"at_s"}):
        values = [[row[name] for row in part if name in row] for part in parts]
        if not all(values):
            continue
        row = dict(zip(("first", "second", "last"), map(statistics.mean, values)))
        row["most"] = max(r[name] for r in samples if name in r)
        rule = next((ALLOWED[what] for what in ALLOWED if name.split(": ")[-1] == what and "machine" not in name), None)
        if rule:
            row["allowed"] = row["second"] * (1 + rule[0]) + rule[1]
            if name in ("server: RSS, KiB", "server: anonymous, KiB"):
                row["allowed"] += more_connections * KIB_A_CONNECTION
            row["flat"] = row["last"] <= row["allowed"]
        out[name] = row
    return out


def columns(samples):
    """{figure: a value a sample}: a third as long."""
    return {name: [row.get(name) for row in samples] for name in sorted({name for row in samples for name in row})}


def differences(names, before, after):
    return {name: [before[name], after[name]] for name in names if name in before and name in after and after[name] > before[name]}


def without_services():
    """Other services may come and go meanwhile."""
    return census.machine_wide(census.of_services())


def wait_as_before(before):
    """The kernel takes namespaces apart after the process has ended; others on the machine may make some meanwhile."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (left := differences(ENDED, before, without_services())) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def per_minute(said):
    return [{"minute": row["from_s"] / 60, "ok": row["ok"], "refused": row["refused"], "failed": row["failed"],
             "p50_ms": row["latency_us"].get("p50", 0) / 1000, "p99_ms": row["latency_us"].get("p99", 0) / 1000} for row in said["intervals"]]


def soak(instance, wanted, minutes, directory):
    """Everything runs for `minutes`; the samples, and what became of every kind of request."""
    seconds = minutes * 60
    with contextlib.ExitStack() as stack:
        running = {}
        for seed, (kind, (what, _)) in enumerate(MIX.items()):
            running[kind] = stack.enter_context(Singles(instance.port, what, "--seed", seed + 1, "--interval-ms", 60000, "open", "--rate",
                                                        wanted[kind]["rate_per_s"], "--seconds", seconds, "--connections", 8))
        odd = Odd(instance.port, directory)
        samples = watch(instance, minutes)
        counts = odd.end()
        found = {kind: one.result(seconds) for kind, one in running.items()}
    kinds = {kind: {"ok": said["ok"], "refusals": said["refusals"], "lost": lost(said) + said["unreached"], "failures": said["failures"] | said["wrong_reasons"],
                    "per_minute": per_minute(said)} for kind, said in found.items()}
    return samples, kinds, counts


def report(record):
    print("\nmeans of the thirds, most:")
    for name, row in record["figures"].items():
        verdict = "" if "flat" not in row else "flat" if row["flat"] else f"NOT FLAT: at most {row['allowed']:.0f} allowed"
        print(f"  {name:46} {row['first']:12.1f} {row['second']:12.1f} {row['last']:12.1f} {row['most']:10.0f}  {verdict}")
    for kind, row in record["kinds"].items():
        minutes = [m for m in row["per_minute"] if m["ok"]]
        third = max(1, len(minutes) // 3)
        p50, p99 = ([statistics.mean(m[p] for m in part) for part in (minutes[:third], minutes[-third:])] for p in ("p50_ms", "p99_ms"))
        print(f"  {kind:22} {row['ok']:8} right, refused {sum(row['refusals'].values())}, lost {row['lost']}; p50 {p50[0]:.1f}, then {p50[1]:.1f} ms; p99 {p99[0]:.1f}, then {p99[1]:.1f} ms")
    for kind, row in record["odd"].items():
        print(f"  {kind:22} {row['sent']:8} sent, refused {row['refused']}, lost {row['lost']}")
    if any(row["refusals"] for row in record["kinds"].values()):
        print("  some were refused: the machine had less time for this than when the peaks were found")
    print(f"  zygotes started: {record['zygote_starts']}; after the load, beside before it: {record['grew_idle'] or 'nothing more'}; "
          f"after the end: {record['left_behind'] or 'nothing left'}")


def problems(record):
    out = [f"{name} grew" for name, row in record["figures"].items() if row.get("flat") is False]
    out += [f"{kind}: {row['lost']} lost" for kind, row in (record["kinds"] | record["odd"]).items() if row["lost"]]
    out += [f"{name}: {was} before the load, {now} after it" for name, (was, now) in record["grew_idle"].items()]
    out += [f"left behind: {name} {was} -> {now}" for name, (was, now) in record["left_behind"].items()]
    return out


def run(options, directory):
    load_before, whole_run = os.getloadavg()[0], machine.CpuClock()
    before_all = without_services()
    with Instance(directory) as instance:
        health = instance.health()
        record = {"host": machine.facts(health["versions"], BUILD) | {"level": health["isolation"]["level"]}}
        say("host: " + ", ".join(f"{name} {value}" for name, value in record["host"].items()))
        wanted = rates(instance, options.load)
        idle_before = idle_sample(instance)
        samples, kinds, counts = soak(instance, wanted, options.minutes, directory)
        grew_idle = differences(IDLE, idle_before, idle_sample(instance))
        zygote_starts = instance.health()["pool"]["zygote_starts"]
        members = census.family(instance.process.pid, census.parents())
    left = wait_as_before(before_all)
    for what, now in (("processes", len(census.alive(members))), ("control groups", census.cgroups_of(members))):
        if now:
            left[what] = [0, now]
    knobs = {name: value for name, value in os.environ.items() if name.startswith("PYEXEC_")}
    return record | {
        "settings": {"minutes": options.minutes, "load": options.load, "variables": knobs}, "disturbed": machine.disturbances(load_before, whole_run),
        "rates": wanted, "kinds": kinds, "odd": counts, "zygote_starts": zygote_starts, "grew_idle": grew_idle, "left_behind": left,
        "figures": verdicts(samples), "samples": samples}


def main():
    options = parse_options()
    if os.geteuid() != 0:
        sys.exit("soak.py: needs root, as the jails of level 4 do")
    limit_s = int(options.minutes * 60 + 400)
    for number, reason in ((signal.SIGTERM, "stopped"), (signal.SIGINT, "interrupted"), (signal.SIGALRM, f"gave up after {limit_s} s")):
        signal.signal(number, lambda *_, reason=reason: sys.exit(f"soak.py: {reason}"))
    signal.alarm(limit_s)
    with tempfile.TemporaryDirectory(prefix="pyexec-soak-") as directory:
        record = run(options, Path(directory))
    soak_plot.draw(record, options.plot)
    options.json.write_text(json.dumps(record | {"samples": columns(record["samples"])}) + "\n")
    report(record)
    print(f"\nwritten: {options.json}, {options.plot}")
    found = problems(record)
    print("flat, nothing lost, nothing left" if not found else "PROBLEMS: " + "; ".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
