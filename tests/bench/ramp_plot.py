"""Of a plot: what comes of it as the load grows. The same figures make the same file."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402


def begin(columns):
    """A figure, and its axes side by side."""
    pyplot.rcParams["svg.hashsalt"] = "pyexec"
    return pyplot.subplots(1, columns, figsize=(13, 3.8))


def finish(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def draw(goodput, latency, curves):
    """On two axes. curves: {name: points}, of which each has percent, goodput_per_s, p50_ms and p99_ms."""
    for name, points in curves.items():
        percent = [point["percent"] for point in points]
        goodput.plot(percent, [point["goodput_per_s"] for point in points], marker="o", label=name)
        latency.plot(percent, [point["p99_ms"] for point in points], marker="o", label=f"{name}, p99")
        latency.plot(percent, [point["p50_ms"] for point in points], marker=".", linestyle=":", label=f"{name}, p50")
    for axes, title in ((goodput, "answered jobs a second"), (latency, "latency from intended send time, ms")):
        axes.set_title(title)
        axes.set_xlabel("offered load, % of the closed-loop peak")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    goodput.set_ylim(bottom=0)
    latency.set_yscale("log")
