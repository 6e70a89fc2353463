"""What clients see while instances are stopped and started again, and whether they get every answer."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

LOAD = Path(__file__).resolve().parents[2] / "load"
sys.path.append(str(LOAD))

from clients import Batch, Singles, lost, script  # noqa: E402
from front import Front  # noqa: E402
from instance import free_port  # noqa: E402

from need import need  # noqa: E402
from raw_http import open_request  # noqa: E402
from request_parts import FOREVER  # noqa: E402

RATE = 8  # single requests a second: little, even for a machine that does other things, too
JOBS_AT_ONCE = 60
MOST_SECONDS = 240  # if it takes longer, the load ends before the restart does


@pytest.fixture
def directory():
    """That nginx's workers, which are another user, may enter."""
    with tempfile.TemporaryDirectory(prefix="pyexec-load-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def answered_by(service):
    """Jobs that ended well."""
    families = text_string_to_metric_families(service.fetch("/metrics").decode())
    return sum(s.value for f in families for s in f.samples if s.name == "pyexec_jobs_total" and s.labels["outcome"] == "ok")


@need("nginx")
def test_a_rolling_restart_behind_nginx_loses_no_request(start, directory):
    instances = [start(port=free_port()) for _ in range(2)]
    with Front(directory, [one.port for one in instances]) as front, Batch(front.port, directory, window=8) as batch, Singles(
            front.port, script("trivial"), "open", "--rate", RATE, "--seconds", MOST_SECONDS, "--connections", 4) as singles:
        instances[0].wait_until(lambda: all(answered_by(one) > 0 for one in instances))
        for one in instances:
            assert one.stop() == 0, one.stderr
            again = start(port=one.port)
            again.wait_until(lambda again=again: answered_by(again) > 0)  # nginx has found it: only then the next
        singles.end()
        of_batch, of_singles = batch.end(), singles.result(0)

    assert of_singles["ok"] > 0
    assert lost(of_singles) == 0 and of_singles["unreached"] == 0, of_singles
    assert of_singles["ok"] + of_singles["refused"] == of_singles["offered"]
    assert of_batch["exit_code"] == 0 and of_batch["lost"] == 0, of_batch
    assert of_batch["right"] == of_batch["jobs"] > 0


def test_what_runs_and_waits_is_answered_after_sigterm(start):
    service = start(running=8, max_queued=256, timeout_ms=60_000, drain_ms=60_000)
    occupants = [open_request(service, FOREVER) for _ in range(8)]
    files = ["--script", LOAD / "scripts/sleep.py", "--answer", LOAD / "scripts/sleep.json"]
    with Singles(service.port, files, "burst", "--count", JOBS_AT_ONCE) as singles:
        service.wait_until(lambda: (pool := service.health()["pool"])["running"] == 8 and pool["waiting"] == JOBS_AT_ONCE)
        service.process.send_signal(signal.SIGTERM)
        for occupant in occupants:
            occupant.close()
        answers = singles.result(0)

    assert answers["ok"] == JOBS_AT_ONCE, answers
