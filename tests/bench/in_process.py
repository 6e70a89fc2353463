"""Runs scripts in this warm interpreter, back to back, with no jail, no fork and no HTTP: the floor.

stdin: {"scripts": {name: source}, "samples": count}.
stdout: {name: {"seconds": [time of each run], "answers": [each distinct answer, as JSON text]}}.
"""

import contextlib
import io
import json
import sys
import time

import pandas  # noqa: F401  (so that scripts find it imported)

WARMUP_RUNS = 20


def run(source):
    """The answer as JSON text. Compiles each time, as a service must."""
    names = {"__name__": "script"}
    captured = io.StringIO()
    with contextlib.redirect_stdout(captured):
        exec(compile(source, "script.py", "exec"), names)
        value = names["main"]()
    return json.dumps({"result": value, "stdout": captured.getvalue()})


def measure(source, samples):
    for _ in range(WARMUP_RUNS):
        run(source)
    seconds, answers = [], set()
    for _ in range(samples):
        start = time.perf_counter()
        text = run(source)
        seconds.append(time.perf_counter() - start)
        answers.add(text)
    return {"seconds": seconds, "answers": sorted(answers)}


order = json.load(sys.stdin)
json.dump({name: measure(source, order["samples"]) for name, source in order["scripts"].items()}, sys.stdout)
