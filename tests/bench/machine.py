"""The machine that a run was made on: what it is, what its CPU did, and whether anybody disturbed it."""

import os
import platform
import re
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def facts(versions, build):
    """For a reader who compares two runs. versions: of /health. build: the build directory."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    thp = re.search(r"\[(\w+)\]", Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text())
    kind = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.M)
    found = {"kernel": platform.release(), "cores": os.cpu_count(), "CPU": cpu[1] if cpu else "unknown"}
    return found | versions | {"THP": thp[1], "build": kind[1]}


class CpuClock:
    """Seconds of CPU time that the whole machine has spent since this object was made, kernel threads and
    interrupts included. As the kernel counts it: by looking at every tick who is running."""

    def __init__(self):
        self.begin = self._read()

    @staticmethod
    def _read():
        user, nice, system, idle, waiting, irq, softirq, steal = map(
            int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        return user + nice + system + irq + softirq, steal, idle + waiting

    def busy_seconds(self):
        return (self._read()[0] - self.begin[0]) * TICK_SECONDS

    def stolen_share(self):
        spent = [now - then for now, then in zip(self._read(), self.begin)]
        return spent[1] / max(1, sum(spent))


def disturbances(load_before, whole_run):
    """Reasons to trust no ratio. load_before: the load average before the run; whole_run: a CpuClock."""
    out = []
    if load_before > os.cpu_count() / 2:
        out.append(f"load average {load_before:.2f} before the start, more than {os.cpu_count() / 2:g}")
    if whole_run.stolen_share() > 0.01:
        out.append(f"{100 * whole_run.stolen_share():.1f} % of the CPU time was stolen, more than 1 %")
    return out
