"""Tables and the plot of what load.py has seen."""

import instance  # noqa: F401: the path to what comes next

import ramp_plot  # of tests/bench

NAMES = {"one": "one instance", "three": "three behind nginx"}


def shown(milliseconds):
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def reasons(counts):
    return ", ".join(f"{count} × {reason}" for reason, count in counts.items()) or "0"


def percent_of(point, share):
    return f"{100 * sum(point['refusals'].values()) / max(1, point['offered']):{share}} %"


def ramp_table(record):
    rows = ["| offered, of the peak | one instance: answered | p50 | p99 | refused | three behind nginx: answered | p50 | p99 | refused |",
            "|---|---|---|---|---|---|---|---|---|"]
    for one, three in zip(record["one"]["ramp"], record["three"]["ramp"]):
        cells = [f"{one['percent']} %"]
        for point in (one, three):
            cells += [f"{point['goodput_per_s']:.0f}/s", f"{shown(point['p50_ms'])}", f"{shown(point['p99_ms'])}", percent_of(point, ".0f")]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def beside_table(record):
    rows = ["| beside a batch, offered | where | answered | p50 | p99 | batch | refused |", "|---|---|---|---|---|---|---|"]
    for where, name in NAMES.items():
        for point in record[where]["beside_batch"]:
            rows.append(f"| {point['percent']} % | {name} | {point['goodput_per_s']:.0f}/s | {shown(point['p50_ms'])} | {shown(point['p99_ms'])} "
                        f"| {point['batch_jobs_per_s']:.0f}/s | {percent_of(point, '.0f')} |")
    return "\n".join(rows)


def restart_table(record):
    rows = ["| stopped under load | right answers | p50 | p99 | slowest | refused | lost | batch: answered | lost |", "|---|---|---|---|---|---|---|---|---|"]
    for run in record["rolling"]:
        rows.append(f"| three behind nginx in turn, {run['mode']} | {run['ok']} | {shown(run['p50_ms'])} | {shown(run['p99_ms'])} | {shown(run['max_ms'])} "
                    f"| {reasons(run['refusals'])} | {run['lost']} | {run['batch']['right']} of {run['batch']['jobs']} | {run['batch']['lost']} |")
    for kind in dict.fromkeys(run["kind"] for run in record["direct"]):
        runs = [run for run in record["direct"] if run["kind"] == kind]
        refused = sum(sum(run["refusals"].values()) for run in runs)
        rows.append(f"| one without nginx, its queue filled, {len(runs)}×: {kind} | {sum(run['ok'] for run in runs)} | | "
                    f"| {shown(max(run['max_ms'] for run in runs))} | {refused} | {sum(run['lost'] for run in runs)} | | |")
    return "\n".join(rows)


def head(record):
    """How far to trust what follows."""
    host = record["host"]
    kind = "A quick run" if record["settings"]["quick"] else "One full run"
    machine = f"{host['cores']} cores, {host['CPU']}, Linux {host['kernel']}, Python {host['python']}, level {host['level']}"
    disturbed = f"; disturbed: {'; '.join(record['disturbed'])}" if record["disturbed"] else ""
    peaks = "; ".join(f"{name} {record[where]['peak']['jobs_per_s']:.0f} jobs/s" for where, name in NAMES.items())
    return f"{kind}; {machine}{disturbed}. Peaks: {peaks}."


def tables(record):
    """Markdown: all of it."""
    return "\n\n".join((head(record), ramp_table(record), beside_table(record), restart_table(record)))


def readme_tables(record):
    """Returns the tables of docs/performance.md, as Markdown."""
    return "\n\n".join((head(record), ramp_table(record), restart_table(record)))


def draw(record, path):
    figure, (goodput, latency, rolling) = ramp_plot.begin(3)
    ramp_plot.draw(goodput, latency, {name: record[where]["ramp"] for where, name in NAMES.items()})
    draw_restart(rolling, record["rolling"][0])
    ramp_plot.finish(figure, path)


def draw_restart(axes, run):
    """p99 of each half second, and when which instance was away."""
    rows = [row for row in run["intervals"] if row["ok"]]
    axes.plot([row["from_s"] for row in rows], [row["latency_us"]["p99"] / 1000 for row in rows], label="p99")
    axes.plot([row["from_s"] for row in rows], [row["latency_us"]["p50"] / 1000 for row in rows], linestyle=":", label="p50")
    for number, away in enumerate(run["restarts"]):
        axes.axvspan(run["lead_s"] + away["terminated_s"], run["lead_s"] + away["ready_s"], alpha=0.15, color="tab:gray",
                     label=None if number else "an instance is away")
    axes.set_yscale("log")
    axes.set_title(f"rolling restart: latency, ms; {run['lost'] + run['batch']['lost']} lost")
    axes.set_xlabel("s")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
