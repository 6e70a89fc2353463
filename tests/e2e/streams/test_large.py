"""What is large is worked on beside the thread that serves everybody."""

import base64
import json
from pathlib import Path

import pytest

SSE = {"Content-Type": "application/json", "Accept": "text/event-stream"}
ONES = "def main(): return [1] * 2_790_000"
FILES = "import os\ndef main(): open('f', 'wb').write(os.urandom(5_000_000))"


def threads(service):
    """Clock ticks of the first thread, and of all others together."""
    used = {}
    for task in Path(f"/proc/{service.process.pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        used[int(task.name)] = int(fields[11]) + int(fields[12])
    return used.pop(service.process.pid), sum(used.values())


WORK = {
    "results": lambda service: service.execute(ONES),
    "results told live": lambda service: service.request("POST", "/execute", json.dumps({"script": ONES}), SSE),
    "results of a batch": lambda service: service.request(
        "POST", "/execute/batch", json.dumps({"script": ONES}), {"Content-Type": "application/x-ndjson"}),
    "files": lambda service: service.post({"script": FILES, "return_files": ["*"]}),
    "requests": lambda service: service.post({"script": "def main(*v): return len(v)", "args": [1] * 1_900_000}),
    "uploads": lambda service: service.post(
        {"script": "def main(): return 1", "files": {"f": {"base64": base64.b64encode(b"x" * 4_000_000).decode()}}}),
}


@pytest.mark.parametrize("kind", WORK)
def test_large_work_is_done_by_other_threads(service, kind):
    first, others = threads(service)
    for _ in range(5):  # some tens of clock ticks
        assert WORK[kind](service).status == 200
    first_after, others_after = threads(service)
    print(f"{kind}: {first_after - first} and {others_after - others} ticks")
    assert others_after - others > 0
    if kind.startswith("results"):
        assert others_after - others > first_after - first
