"""GET /metrics: what is counted and timed, and that scripts cannot make it lie beyond their own time."""

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from raw_http import start_to_sleep
from request_parts import FORGE, OK
from service import BUILD
from state import Scrape

BEFORE_A_WORKER = ("parse", "admit")
WITH_A_REPORT = ("pool_wait", "hand_off", "run", "report", "kill", "reply")
REFILL = ("fork", "populate", "enter", "warm_up", "total")


def quiet(service):
    """A scrape at a moment when no job is there, not even one that is only being taken apart."""
    service.wait_until(lambda: Scrape(service)["pyexec_workers", "running"] == 0)
    return Scrape(service)


def grown(before, after, phase):
    return tuple(now - then for now, then in zip(after.times(phase), before.times(phase)))


def test_it_is_prometheus_text(service):
    answer = service.request("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = Scrape(service).families
    assert all(family.documentation and family.type in ("counter", "gauge", "histogram") for family in families.values())
    assert service.request("POST", "/metrics").status == 405


def test_each_phase_is_timed_once_for_each_job(start):
    service = start(pool=2)
    before, begin = quiet(service), time.monotonic()
    for _ in range(5):
        assert service.execute(OK).status == 200
    after = quiet(service)  # an answer is noted after it is sent
    wall = time.monotonic() - begin
    seen = {phase: grown(before, after, phase) for phase in (*BEFORE_A_WORKER, *WITH_A_REPORT, "reap")}
    assert {phase: count for phase, (count, _) in seen.items()} == dict.fromkeys(seen, 5)
    assert all(total > 0 for _, total in seen.values())
    assert sum(total for phase, (_, total) in seen.items() if phase != "reap") < wall


def test_a_long_run_is_run_time(service):
    before = Scrape(service)
    assert service.execute("import time\ndef main():\n    time.sleep(0.3)").status == 200
    assert grown(before, Scrape(service), "run")[1] > 0.3


def test_a_job_without_a_report_has_its_time_as_run_time(start):
    service = start(pool=1, timeout_ms=300)
    before = Scrape(service)
    assert service.execute("def main():\n    while True: pass").outcome == "time_limit"
    after = Scrape(service)
    assert grown(before, after, "run")[0] == 1 and grown(before, after, "run")[1] > 0.2
    assert grown(before, after, "report")[0] == 0


@pytest.mark.parametrize("began, ended", [(0, 2**64 - 1), (2**64 - 1, 0), (0, 0), (2**64 - 1, 2**64 - 1)])
def test_forged_times_stay_within_the_jobs_own(service, began, ended):
    before, begin = Scrape(service), time.monotonic()
    script = FORGE + f"def main():\n    os.write(3, report(1, b'7', {began}, {ended}))\n    os._exit(0)"
    assert service.execute(script).body["result"] == 7
    wall, after = time.monotonic() - begin, Scrape(service)
    for phase in ("hand_off", "run", "report"):
        count, total = grown(before, after, phase)
        assert count == 1 and 0 <= total <= wall


def test_answers_are_counted_by_outcome(service):
    before = Scrape(service)
    service.execute(OK)
    service.execute("def main(): return 1 / 0")
    service.execute("def main(:")
    service.post("{")
    service.post('{"script": "' + "x" * 4_000_000 + '"}')
    after = Scrape(service)
    names = [key[1] for key in after.samples if key[0] == "pyexec_jobs_total"]
    grew = {name: after["pyexec_jobs_total", name] - before["pyexec_jobs_total", name] for name in names}
    assert {name: n for name, n in grew.items() if n} == {"ok": 1, "exception": 1, "invalid_script": 1, "invalid_request": 2}


@pytest.mark.parametrize("path, jobs", (("/execute", 1), ("/execute/batch", 2)))
def test_jobs_whose_client_goes_away_are_cancelled_and_no_failure(start, path, jobs):
    service = start(pool=2, running=2, timeout_ms=60_000)
    body = '{"script": "import time\\ndef main(): time.sleep(100)"}\n' * jobs
    media_type = "application/json" if path == "/execute" else "application/x-ndjson"
    client = socket.create_connection((service.host, service.port))
    client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    service.wait_until(lambda: Scrape(service)["pyexec_workers", "running"] == jobs)
    client.close()
    service.wait_until(lambda: Scrape(service)["pyexec_jobs_total", "cancelled"] == jobs)
    assert Scrape(service)["pyexec_jobs_total", "internal"] == 0


def test_a_job_that_waits_for_a_worker_is_a_miss(start):
    service = start(pool=1, running=1, timeout_ms=60_000)
    service.wait_full()  # the self-test had its worker
    before = Scrape(service)
    occupant = start_to_sleep(service)
    jobs = [threading.Thread(target=service.execute, args=[OK]) for _ in range(2)]
    for job in jobs:
        job.start()
    service.wait_until(lambda: Scrape(service)["pyexec_jobs_waiting",] == 2)
    both_wait = time.monotonic()
    time.sleep(0.5)
    leaves = time.monotonic()
    occupant.close()
    for job in jobs:
        job.join()
    after = Scrape(service)
    took = {result: after["pyexec_worker_acquisitions_total", result] - before["pyexec_worker_acquisitions_total", result] for result in ("hit", "miss")}
    assert took == {"hit": 1, "miss": 2}
    assert grown(before, after, "pool_wait")[1] > 2 * (leaves - both_wait)


def test_a_request_is_timed_from_end_to_end_and_its_bytes_counted(start):
    service = start(pool=1)
    before, begin = Scrape(service), time.monotonic()
    script = "import time\ndef main():\n    time.sleep(0.2)\n    return 'x' * 5000"
    assert service.execute(script).status == 200
    after = Scrape(service)
    wall = time.monotonic() - begin  # the client has the answer before the server has noted that it is out
    name = "pyexec_request_duration_seconds"
    assert after[f"{name}_count",] - before[f"{name}_count",] == 1
    assert 0.2 < after[f"{name}_sum",] - before[f"{name}_sum",] < wall
    grew = {way: after["pyexec_http_bytes_total", way] - before["pyexec_http_bytes_total", way] for way in ("received", "sent")}
    scrape = before["pyexec_http_bytes_total", "received"]  # requests of scrapes count as well
    assert len(script) < grew["received"] < len(script) + scrape + 1000 and grew["sent"] > 5000


def test_refusals_are_counted_by_reason(start):
    service = start(pool=1, running=1, max_queued=1, rate_per_minute=1, rate_burst=4, timeout_ms=60_000)
    occupant = start_to_sleep(service)
    gives_up = threading.Thread(target=service.post, args=[{"script": OK, "timeout_ms": 4000}])
    gives_up.start()
    service.wait_until(lambda: Scrape(service)["pyexec_load_ratio",] == 2)
    assert [service.execute(OK).outcome for _ in range(3)] == ["busy", "busy", "rate_limited"]
    gives_up.join()
    after = Scrape(service)
    occupant.close()
    reasons = {key[1]: value for key, value in after.samples.items() if key[0] == "pyexec_refusals_total"}
    assert {reason: n for reason, n in reasons.items() if n} == {"queue_full": 2, "no_worker": 1, "rate_limit": 1}


def test_what_runs_and_how_isolated_it_is(start):
    service = start(pool=1)
    health, scrape = service.health(), Scrape(service)
    info = next(iter(scrape.families["pyexec_info"].samples)).labels
    versions = health["versions"]
    assert info == {"version": versions["pyexec"], "isolation": health["isolation"]["name"]} | {
        name: versions[name] for name in ("python", "numpy", "pandas")
    }
    assert scrape["pyexec_isolation_level",] == health["isolation"]["level"]
    assert scrape["pyexec_image_bytes",] == health["memory"].get("image_bytes", 0)
    assert (scrape["pyexec_ready",], scrape["pyexec_connections",]) == (1, 1)
    assert scrape["process_resident_memory_bytes",] > 1e6 and scrape["process_cpu_seconds_total",] > 0


def promtool_on(text):
    tool = Path(__file__).parents[2] / "cloudrun/promtool.sh"
    environment = os.environ | {"BUILD_DIR": str(BUILD)}
    return subprocess.run([tool, "check", "metrics"], input=text, env=environment, capture_output=True, timeout=300)


def test_promtool_finds_nothing(service):
    service.execute(OK)
    text = service.request("GET", "/metrics").raw
    good = promtool_on(text)
    assert (good.returncode, good.stdout, good.stderr) == (0, b"", b"")
    broken = promtool_on(b"# TYPE x counter\nx 1\n")
    assert broken.returncode != 0 and b"_total" in broken.stderr + broken.stdout


def test_refill_is_timed_once_for_each_worker(start):
    service = start(pool=3)
    service.wait_full()
    counts = {phase: Scrape(service).times(phase, "refill")[0] for phase in REFILL}
    assert counts == dict.fromkeys(REFILL, 4)  # the self-test had one
    service.execute(OK)
    service.wait_full()
    after = Scrape(service)
    assert {phase: after.times(phase, "refill")[0] for phase in REFILL} == dict.fromkeys(REFILL, 5)
    parts = sum(after.times(phase, "refill")[1] for phase in REFILL if phase not in ("total", "fork"))
    assert 0 < parts < after.times("total", "refill")[1]
    assert after["pyexec_zygote_starts_total",] == 1 and after["pyexec_workers", "target"] == 3
