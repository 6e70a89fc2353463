"""What one would write without any isolation: Debian's Python with numpy and pandas imported, which forks, runs the
script in the child and waits for it; one such process for each core. Prints one line of JSON, as pyexec-floor does.

usage: plain_fork.py SCRIPT SECONDS PROCESSES
"""

import json
import os
import sys
import time

import numpy  # noqa: F401
import pandas  # noqa: F401


def run(source):
    scope = {"__name__": "script"}
    exec(compile(source, "script.py", "exec"), scope)
    print(json.dumps(scope["main"]()), flush=True)


def fork_once(source):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            run(source)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit("a fork did not do its work")


def loop(source, seconds, results):
    times, begin = [], time.perf_counter()
    now = begin
    while now - begin < seconds:
        fork_once(source)
        times.append(time.perf_counter() - now)
        now += times[-1]
    os.write(results, json.dumps({"times": times, "seconds": now - begin}).encode())


def main():
    path, seconds, processes = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    with open(path) as file:
        source = file.read()
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    fork_once(source)
    pipes = []
    for _ in range(processes):
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            loop(source, seconds, write_end)
            os._exit(0)
        os.close(write_end)
        pipes.append(read_end)
    found = [json.load(os.fdopen(pipe)) for pipe in pipes]
    times = sorted(one for each in found for one in each["times"])
    seconds = max(each["seconds"] for each in found)
    os.write(answers, (json.dumps({
        "processes": processes, "runs": len(times), "seconds": seconds, "per_s": len(times) / seconds,
        "p50_us": times[len(times) // 2] * 1e6, "p99_us": times[len(times) * 99 // 100] * 1e6,
    }) + "\n").encode())


main()
