"""Parts of requests that several files send."""

import concurrent.futures

from state import pool_of

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}

OK = "def main(): return 1"
SLEEP = "import time\ndef main():\n    time.sleep({})\n    return 1"  # to be formatted with seconds
FOREVER = SLEEP.format(1000)
# Script text that writes frames of the protocol between a worker and the server.
FORGE = """
import os, struct
def frame(body, kind=3, magic=b"PYX1"):
    return magic + struct.pack("<HHI", kind, 0, len(body)) + body
def report(kind, text, began=0, ended=0):
    times = struct.pack("<BIQQQ", 5, 24, began, ended, 0)
    return frame(struct.pack("<BIB", 2, 1, kind) + struct.pack("<BI", 3, len(text)) + text + times + struct.pack("<BIBIBI", 11, 0, 8, 0, 18, 0))
"""


def post(service, script, **fields):
    return service.post({"script": script, **fields})


def main_of(expression, setup="import os, sys"):
    return f"{setup}\ndef main():\n    return {expression}\n"


def result_of(service, script, **fields):
    answer = post(service, script, **fields)
    assert answer.outcome == "ok", answer
    return answer.body["result"]


def in_background(service, script, count=1):
    """Requests that are still open when this returns, once all of them are running or waiting."""
    service.wait_until(lambda: pool_of(service)["running"] == 0)  # an answered job may still be torn down
    executor = concurrent.futures.ThreadPoolExecutor(count)
    futures = [executor.submit(service.execute, script) for _ in range(count)]
    service.wait_until(lambda: (now := pool_of(service))["running"] + now["waiting"] == count)
    return futures
