"""The plot for README.md: throughput of the subjects, and what happens to pyexec as the load grows."""

import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402

SUBJECTS = {"exec-per-request": "tab:gray", "pyexec": "tab:blue", "bare forks": "tab:orange"}


def draw(record, path):
    """record: what bench.py writes as JSON."""
    pyplot.rcParams["svg.hashsalt"] = "pyexec"  # the same figures, the same file
    figure, (bars, goodput, latency) = pyplot.subplots(1, 3, figsize=(13, 3.8))
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
    for script, points in record["curves"].items():
        percent = [point["percent"] for point in points]
        goodput.plot(percent, [point["goodput_per_s"] for point in points], marker="o", label=script)
        latency.plot(percent, [point["p99_ms"] for point in points], marker="o", label=f"{script}, p99")
        latency.plot(percent, [point["p50_ms"] for point in points], marker=".", linestyle=":", label=f"{script}, p50")
    for axes, title in ((goodput, "answered jobs a second"), (latency, "latency from intended send time, ms")):
        axes.set_title(title)
        axes.set_xlabel("offered load, % of the closed-loop peak")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    goodput.set_ylim(bottom=0)
    latency.set_yscale("log")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
