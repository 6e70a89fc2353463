"""The plot of docs/performance.md: throughput of the subjects, and what happens to pyexec as the load grows."""

import statistics

import ramp_plot

SUBJECTS = {"exec-per-request": "tab:gray", "pyexec": "tab:blue", "bare forks": "tab:orange"}


def draw(record, path):
    """record: what bench.py writes as JSON."""
    figure, (bars, goodput, latency) = ramp_plot.begin(3)
    scripts = ("trivial", "series", "correlation")
    for offset, (subject, colour) in enumerate(SUBJECTS.items()):
        heights = [statistics.median(row["rounds"]) for script in scripts for row in record["measured"]
                   if (row["figure"], row["subject"], row["script"]) == ("closed loop, jobs/s", subject, script)]
        places = [n + (offset - 1) * 0.27 for n in range(len(heights))]
        bars.bar_label(bars.bar(places, heights, 0.25, label=subject, color=colour), fmt="%.0f", fontsize=7)
    bars.set_xticks(range(len(scripts)), scripts)
    bars.set_yscale("log")
    bars.set_title("jobs a second, all cores busy")
    bars.legend(fontsize=7)
    ramp_plot.draw(goodput, latency, record["curves"])
    ramp_plot.finish(figure, path)
