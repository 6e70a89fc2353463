"""The plot of a soak: memory of the lasting processes, and latency by minute."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402

from census import LASTING  # noqa: E402


def draw(record, path):
    pyplot.rcParams["svg.hashsalt"] = "pyexec"  # the same figures, the same file
    figure, (memory, latency) = pyplot.subplots(1, 2, figsize=(10, 3.4))
    for kind in LASTING:
        rows = [row for row in record["samples"] if f"{kind}: anonymous, KiB" in row]
        memory.plot([row["at_s"] / 60 for row in rows], [row[f"{kind}: anonymous, KiB"] / 1024 for row in rows], label=kind)
    for kind, row in record["kinds"].items():
        minutes = [one for one in row["per_minute"] if one["ok"]]
        latency.plot([one["minute"] for one in minutes], [one["p99_ms"] for one in minutes], label=kind)
    for axes, title in ((memory, "anonymous memory, MiB"), (latency, "p99 of each minute, ms")):
        axes.set_title(title)
        axes.set_xlabel("minutes")
        axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
