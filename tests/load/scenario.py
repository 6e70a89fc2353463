"""What load.py does: ramps, rolling restarts, and SIGTERM under full load. Each returns what it saw, as data."""

import contextlib
import time

from clients import Batch, Singles, lost, run_singles, script

import machine  # of tests/bench

SCRIPT = "trivial"
CLIENTS_AN_INSTANCE = 8  # of the closed loop that finds the peak
INTERVAL_MS = 500


def settle(instances):
    for one in instances:
        one.wait_full()


class Target:
    """Where requests go: one instance, or nginx in front of several."""

    def __init__(self, name, port, instances):
        self.name, self.port, self.instances = name, port, instances

    def peak(self, seconds):
        """The closed loop's throughput, and what a job takes of all CPUs meanwhile."""
        settle(self.instances)
        cpu = machine.CpuClock()
        said = run_singles(self.port, script(SCRIPT), "closed", "--connections",
                           CLIENTS_AN_INSTANCE * len(self.instances), "--seconds", seconds)
        rate = said["ok"] / said["seconds"]
        settle(self.instances)
        return said | {"jobs_per_s": rate, "cpu_us_a_job": cpu_a_job(cpu, said), "lost": lost(said)}

    def step(self, percent, peak, seconds):
        settle(self.instances)
        rate = peak * percent / 100
        cpu = machine.CpuClock()
        said = run_singles(self.port, script(SCRIPT), "open", "--rate", rate, "--seconds", seconds, "--connections", 64)
        settle(self.instances)
        return summary(said) | {"percent": percent, "offered_per_s": said["offered"] / seconds, "cpu_us_a_job": cpu_a_job(cpu, said),
                                "generator_cpu_us_a_job": said["own_cpu_s"] / max(1, said["ok"]) * 1e6}

    def step_beside_batch(self, percent, peak, seconds, batch):
        before, begin = batch.done(), time.monotonic()
        said = run_singles(self.port, script(SCRIPT), "open", "--rate", peak * percent / 100, "--seconds", seconds,
                           "--connections", 64)
        batch_rate = (batch.done() - before) / (time.monotonic() - begin)
        return summary(said) | {"percent": percent, "offered_per_s": said["offered"] / seconds, "batch_jobs_per_s": batch_rate}


def cpu_a_job(clock, said):
    return clock.busy_seconds() / max(1, said["ok"]) * 1e6


def summary(said):
    latency = said["latency_us"]
    kept = ("offered", "ok", "refusals", "wrong_reasons", "failures", "unreached", "renewed")
    return {name: said[name] for name in kept} | {
        "goodput_per_s": said["ok"] / max(said["seconds"], 0.001), "lost": lost(said) + said["unreached"],
        "p50_ms": latency.get("p50", 0) / 1000, "p99_ms": latency.get("p99", 0) / 1000, "max_ms": latency.get("max", 0) / 1000}


def ramp(target, percents, peak, seconds, say):
    for percent in percents:
        point = target.step(percent, peak, seconds)
        say(f"{target.name}: {line_of(point)}")
        yield point


def ramp_beside_batch(target, percents, peak, seconds, directory, say):
    """Returns the points, and what became of the batch that ran all the time."""
    points = []
    with Batch(target.port, directory) as batch:
        for percent in percents:
            points.append(target.step_beside_batch(percent, peak, seconds, batch))
            say(f"{target.name}, beside a batch: {line_of(points[-1])}, batch {points[-1]['batch_jobs_per_s']:.0f}/s")
        ended = batch.end()
    say(f"{target.name}: the batch: {ended['right']} of {ended['jobs']} right, exit code {ended['exit_code']}")
    return points, ended


def line_of(point):
    refused = ", ".join(f"{count} × {reason}" for reason, count in point["refusals"].items()) or "none"
    return (f"{point['percent']:3} %: offered {point['offered_per_s']:.0f}/s, answered {point['goodput_per_s']:.0f}/s, p50 {point['p50_ms']:.1f} ms, "
            f"p99 {point['p99_ms']:.1f} ms, refused {refused}, lost {point['lost']}")


def restart_each(instances, front, takes_out, pause_s, say):
    """One after the other: SIGTERM, end, start, ready. takes_out: nginx is told before and after.
    pause_s: after each, so that nginx has found it again before the next goes."""
    moments = []
    begin = time.monotonic()
    for one in instances:
        if takes_out:
            front.without(one.port)
        at = {"port": one.port, "terminated_s": time.monotonic() - begin}
        one.terminate()
        one.wait_stopped()
        at["ended_s"] = time.monotonic() - begin
        one.start()
        at["ready_s"] = time.monotonic() - begin
        if takes_out:
            front.with_all()
        say(f"  port {one.port}: ended {at['ended_s'] - at['terminated_s']:.2f} s after SIGTERM, ready {at['ready_s'] - at['ended_s']:.2f} s later")
        moments.append(at)
        time.sleep(pause_s)
    return moments


def rolling(front, instances, rate, directory, settings, say):
    """Single clients and a batch run while every instance is restarted."""
    pause_s, lead_s, most_s = settings["pause_s"], settings["lead_s"], settings["most_s"]
    out = []
    for mode in settings["modes"]:
        say(f"rolling restart, {mode}")
        is_taken_out = mode == "taken out of nginx first"
        # A reload of nginx ends its old processes, and with them connections that clients keep: a request that was on
        # its way there is nginx's loss, not ours, and was seen.
        connections = ("--connections", 0, "--fresh") if is_taken_out else ("--connections", 32)
        before = front.retries()
        with Batch(front.port, directory) as batch, Singles(
                front.port, script(SCRIPT), "--interval-ms", INTERVAL_MS, "open", "--rate", rate, "--seconds", most_s,
                *connections) as singles:
            begin = time.monotonic()
            time.sleep(lead_s)
            moments = restart_each(instances, front, is_taken_out, pause_s, say)
            time.sleep(lead_s)
            took_s = time.monotonic() - begin
            singles.end()
            ended = batch.end()
            said = singles.result(most_s)
        point = summary(said)
        after = front.retries()
        out.append(point | {
            "mode": mode, "offered_per_s": said["offered"] / took_s, "lead_s": lead_s, "took_s": took_s, "restarts": moments, "intervals": said["intervals"],
            "batch": ended, "nginx_tried_in_vain": {reason: count - before.get(reason, 0) for reason, count in after.items()}})
        say(f"  {point['ok']} right answers, p50 {point['p50_ms']:.1f} ms, p99 {point['p99_ms']:.1f} ms, at most {point['max_ms']:.0f} ms, refused {point['refusals']}, "
            f"lost {point['lost']} {point['failures']} {point['wrong_reasons']}")
        say(f"  batch: {ended['right']} of {ended['jobs']} right, exit code {ended['exit_code']}; nginx tried in vain: {out[-1]['nginx_tried_in_vain']}")
    return out


def terminated_under_load(instance, peak, kind, settings, say):
    """SIGTERM for an instance whose workers are all busy and whose queue is filled, from clients without a proxy in
    between: what had reached it is answered, what comes later is refused the connection."""
    what, rate, connections = settings["kinds"][kind](peak)
    settle([instance])
    with Singles(instance.port, what, "open", "--rate", rate, "--seconds", settings["seconds"], *connections) as singles:
        with contextlib.suppress(AssertionError):  # on a machine whose peak was found while it was busy with something else
            instance.wait_until(lambda: instance.health()["pool"]["waiting"] >= settings["waiting"], settings["seconds"] / 2)
        pool = instance.health()["pool"]
        begin = time.monotonic()
        instance.terminate()
        instance.wait_stopped()
        took_s = time.monotonic() - begin
        singles.end()
        said = singles.result(settings["seconds"])
    point = summary(said)
    point["lost"] = lost(said)  # nobody listens any more: those were not sent
    instance.start()
    say(f"SIGTERM under full load, {kind}: {pool['running']} ran and {pool['waiting']} waited; ended after {took_s:.2f} s; {point['ok']} right answers, the slowest "
        f"after {point['max_ms'] / 1000:.2f} s; not connected any more {point['unreached']}; lost {point['lost']} {point['failures']} {point['wrong_reasons']}")
    return point | {"kind": kind, "running": pool["running"], "waiting": pool["waiting"], "ended_after_s": took_s}
