"""Parts of requests that several files send."""

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}

OK = "def main(): return 1"
SLEEP = "import time\ndef main():\n    time.sleep({})\n    return 1"  # to be formatted with seconds
# Writes frames of the protocol between a worker and the server.
FORGE = """
import os, struct
def frame(body, kind=3, magic=b"PYX1"):
    return magic + struct.pack("<HHI", kind, 0, len(body)) + body
def report(kind, text, began=0, ended=0):
    times = struct.pack("<BIQQ", 5, 16, began, ended)
    return frame(struct.pack("<BIB", 2, 1, kind) + struct.pack("<BI", 3, len(text)) + text + times + struct.pack("<BIBI", 11, 0, 8, 0))
"""


def post(service, script, **fields):
    return service.post({"script": script, **fields})
