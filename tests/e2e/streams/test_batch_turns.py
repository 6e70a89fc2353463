"""Batches take turns with single requests and with each other, and keep within their room."""

import os
import signal
import threading

from batch_requests import SLEEP
from raw_http import Stream
from state import Scrape, pool_of


def test_single_requests_go_before_the_jobs_of_a_batch(start):
    service = start(pool=1, running=1)
    stream = Stream(service)
    stream.send(*[{"script": SLEEP, "args": [0.2]}] * 50)
    service.wait_until(lambda: pool_of(service)["running"] == 1)
    before = Scrape(service)["pyexec_jobs_total", "ok"]
    assert service.execute("def main(): return 1").body["result"] == 1
    assert Scrape(service)["pyexec_jobs_total", "ok"] - before <= 10
    stream.close()


def test_two_batches_share(start):
    service = start(pool=1, running=1)
    streams = [Stream(service), Stream(service)]
    service.process.send_signal(signal.SIGSTOP)  # so that both are there when it goes on
    try:
        for stream in streams:
            stream.send(*[{"script": "import time\ndef main():\n    time.sleep(0.02)\n    return time.monotonic()"}] * 20)
            stream.end()
    finally:
        service.process.send_signal(signal.SIGCONT)
    ended = sorted((line["result"], number) for number, stream in enumerate(streams) for line in stream.lines)
    order = [number for _, number in ended]
    assert sorted(order) == [0] * 20 + [1] * 20 and 5 <= order[:20].count(0) <= 15, order
    for stream in streams:
        stream.close()


def test_a_stop_answers_what_runs_and_leaves_the_rest_unanswered(start):
    service = start(pool=2, running=2)
    stream = Stream(service)
    stream.send(*[{"script": SLEEP, "args": [0.5], "id": n} for n in range(40)])
    service.wait_until(lambda: pool_of(service)["running"] == 2)
    service.process.send_signal(signal.SIGTERM)
    answers = []
    try:
        for line in stream.lines:
            answers.append(line)
    except (ConnectionError, ValueError):
        pass
    assert 1 <= len(answers) < 40 and all(a["outcome"] == "ok" for a in answers)
    stream.close()


def test_many_jobs_in_bounded_memory(service):
    """PYEXEC_BATCH_JOBS=100000 for the figure in tests/bench/README.md."""
    count = int(os.environ.get("PYEXEC_BATCH_JOBS", 3000))
    stream = Stream(service)
    stream.send({"defaults": True, "script": "def main(n): return n * n"})

    def feed():
        for begin in range(0, count, 100):
            stream.send(*[{"id": n, "args": [n]} for n in range(begin, min(begin + 100, count))])
        stream.end()

    sender = threading.Thread(target=feed)
    sender.start()
    seen = {}
    for answer in stream.lines:
        assert answer["id"] not in seen and answer["result"] == answer["id"] ** 2
        seen[answer["id"]] = answer["index"]
    sender.join()
    stream.close()
    assert seen == {n: n for n in range(count)}
    status = open(f"/proc/{service.process.pid}/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0])
    print(f"{count} jobs, the server's memory at most {peak} kB")
    assert peak < 200_000


def test_a_large_line_does_not_keep_its_room(start):
    service = start(pool=1, body_mb=16)
    stream = Stream(service)
    stream.send({"script": "x" * 3_000_000})
    assert next(stream.lines)["status"] == 413
    stream.send({"script": "def main(): return 1"})
    assert next(stream.lines)["result"] == 1
    assert Scrape(service)["pyexec_request_body_bytes",] < 200_000
    stream.close()


def test_refused_lines_are_paced_like_others(start, tmp_path):
    service = start(pool=1, rate_per_minute=600, rate_burst=1)
    stream = Stream(service)
    stream.send(*[3] * 5)  # at ten a second
    assert [next(stream.lines)["status"] for _ in range(5)] == [400] * 5
    stream.send(*[3] * 1000)
    assert next(stream.lines)["status"] == 400
    assert Scrape(service)["pyexec_jobs_total", "invalid_request"] < 500
    stream.close()
