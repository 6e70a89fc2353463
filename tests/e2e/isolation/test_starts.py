"""A start at less isolation than the operator wants, and the probe, which tells what there would be."""

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from levels import KINDS, NAMES, USER, PrivateShm, can_have_level_4, cgroups_of, run_server
from service import BUILD


@pytest.mark.parametrize("most, least", [(1, 2), (1, 4), (2, 3), (2, 4), (3, 4)])
def test_less_than_the_minimum_is_refused_in_one_sentence(programs, most, least):
    done = run_server(programs, max_level=most, min_level=least, port=0)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"PYEXEC_MAX_LEVEL={most} is below PYEXEC_MIN_LEVEL={least}" in done.stderr


def test_the_layer_that_is_missing_is_named(programs):
    """An ordinary user has no control group."""
    done = run_server(programs, USER, min_level=4, port=0)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "memory_cgroup is missing" in done.stderr


def children_while_it_runs(process):
    """The numbers of all children that the process is seen to have."""
    seen = set()
    while process.poll() is None:
        try:
            seen |= set(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.002)
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_probe_prints_one_document_and_leaves_nothing(programs, kind):
    starter, most, levels = KINDS[kind]
    shm = PrivateShm()
    process = subprocess.Popen(
        [*shm.command, *starter, programs / "pyexec-server", "--probe"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYEXEC_MAX_LEVEL": str(most)}, text=True,
    )
    children = children_while_it_runs(process)
    out, error = process.communicate()
    document = json.loads(out)
    assert (process.returncode, error) == (0, "")
    assert document["level"] in levels if kind != "user" else document["level"] in {1, 3}
    assert document["name"] == NAMES[document["level"]]
    assert document["jails_tried"][-1]["failed_at"] is None
    assert all(row["works"] or row["errno"] for row in document["layers"].values())
    assert {"features", "kernel", "machine", "landlock_abi", "platform"} <= set(document)
    assert children  # or the next lines say nothing
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]
    assert [cgroups_of(pid) for pid in children] == [[]] * len(children)
    assert shm.list() == []
    shm.close()


@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_probe_says_that_a_setting_keeps_the_next_level_away(programs, most):
    if most == 3 and not can_have_level_4(programs):
        pytest.skip("this host gives no level 4")
    document = json.loads(run_server(programs, arguments=["--probe"], max_level=most).stdout)
    assert document["level"] == most
    assert f"level {most + 1} ({NAMES[most + 1]})" in document["next"] and "PYEXEC_MAX_LEVEL" in document["next"]


@pytest.mark.parametrize("kind", ["root", "user"])
def test_the_probe_names_what_is_missing_for_the_next_level(programs, kind):
    document = json.loads(run_server(programs, KINDS[kind][0], ["--probe"]).stdout)
    level, said = document["level"], document["next"]
    if level == 4:
        assert said == "This is the strongest level."
        return
    assert said.startswith(f"For level {level + 1} ({NAMES[level + 1]}), ") and "PYEXEC_MAX_LEVEL" not in said
    (missing,) = [row for name, row in document["layers"].items() if f": {name} is missing here (" in said]
    assert not missing["works"] and os.strerror(getattr(errno, missing["errno"])) in said


@pytest.mark.parametrize("most", [8, 10, 16, 20, 24, 64, 200])
def test_a_shortage_is_named_and_is_no_weaker_level(programs, most):
    """Of open files, for every process of the start."""
    environment = {"PATH": os.environ["PATH"], "PYEXEC_OPEN_FILES": "16"}
    probe = lambda **how: subprocess.run([programs / "pyexec-server", "--probe"], capture_output=True, text=True, env=environment, **how)
    level = json.loads(probe().stdout)["level"]
    short = probe(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
    if short.returncode == 0:
        # 0 is no level to serve at.
        assert json.loads(short.stdout)["level"] in (level, 0)
    else:
        assert short.stdout == "" and short.stderr.count("\n") == 1, short.stderr
        assert "open files" in short.stderr.lower(), short.stderr
    assert most < 200 or json.loads(short.stdout)["level"] == level


@pytest.fixture
def short_of_memory(tmp_path):
    """What a launcher is started by that has none for mounts, and the file that is there as long as that is so."""
    short, worker = tmp_path / "short", tmp_path / "pyexec-worker"
    short.touch()
    worker.write_text(
        f"#!/bin/sh\nexport LD_PRELOAD={BUILD}/libsaboteur.so SABOTAGE=short_mount SABOTEUR_SHORT={short}\nexec {BUILD}/pyexec-worker\n")
    worker.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "PYEXEC_WORKER": str(worker)}
    command = [BUILD / "pyexec-server", "--probe"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True), short


def test_a_shortage_that_stays_is_a_refusal(short_of_memory):
    process, _ = short_of_memory
    out, error = process.communicate()
    assert (process.returncode, out) == (1, ""), out
    assert "this host is short of memory" in error and error.count("\n") == 1


def test_a_shortage_that_passes_costs_no_level(short_of_memory):
    process, short = short_of_memory
    short.unlink()
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert json.loads(out)["level"] >= 3


@pytest.mark.skipif(os.getuid() != 0, reason="makes a namespace of processes")
def test_what_a_service_binds_while_it_starts_is_its_own():
    # As in two containers with the host's network: the process ids are the same.
    alone = ["unshare", "--pid", "--fork", "--mount-proc", BUILD / "pyexec-server"]
    knobs = {"PYEXEC_PORT": "0", "PYEXEC_LOG": "text", "PYEXEC_POOL": "1"}
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind("\0pyexec-selftest-1")
        with subprocess.Popen(alone, env=os.environ | knobs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            first = process.stdout.readline()
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGTERM)
            process.communicate(timeout=60)
    assert "listening" in first, first
