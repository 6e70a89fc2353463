"""2,000 jobs, or CANARY_JOBS (10000 before a release), each of which leaves a secret of its own wherever it can, and
looks for everybody else's wherever it can: none is ever found. The same looking finds them all where there is no jail.
"""

import concurrent.futures
import json
import os
import re
import secrets
import subprocess
from pathlib import Path

import pytest

from service import Service

JOBS = int(os.environ.get("CANARY_JOBS", 2_000))
CLIENTS = 4
PYTHON = "/usr/bin/python3"
SOURCE = (Path(__file__).parents[1] / "support/canary_job.py").read_text()
PREFIX = "CANARY" + "-f00d-"
TOKEN = re.compile(PREFIX + "[0-9a-f]{32}")
LEAST_LOOKED = 1 << 19  # bytes

# Compiled once, here: it takes longer than what a job does.
COMPILE = """
import base64, marshal, sys
print(base64.b64encode(marshal.dumps(compile(sys.stdin.read(), "canary", "exec"))).decode(), end="")
"""
COMPILED = subprocess.run([PYTHON, "-c", COMPILE], input=SOURCE, capture_output=True, text=True, check=True).stdout
HEAD = f"import base64, marshal\nexec(marshal.loads(base64.b64decode('{COMPILED}')), globals())\n"

MAIN = """
def main():
    search = look({token!r})
    leave({token!r}, with_processes={with_processes})
    print({token!r})
    {ending}
    return [search.found, search.looked]
"""
# How jobs end, in turn: most return, some leave a thread and a child behind, one raises.
KINDS = [("pass", False)] * 5 + [("pass", True)] + [("raise ValueError(search.found)", False)] * 2


def new_token():
    return PREFIX + secrets.token_hex(16)


def check(answer, token, ending):
    assert set(TOKEN.findall(answer.raw.decode())) <= {token}, answer
    if ending == "pass":
        assert answer.outcome == "ok", answer
        found, looked = answer.body["result"]
        assert found == [] and looked > LEAST_LOOKED, answer
    else:
        assert answer.outcome == "exception" and answer.body["error"].endswith("ValueError: []"), answer


def run_share(service, numbers):
    connection = service.connect()
    for number in numbers:
        ending, with_processes = KINDS[number % len(KINDS)]
        token = new_token()
        script = HEAD + MAIN.format(token=token, ending=ending, with_processes=with_processes)
        check(service.execute(script, connection), token, ending)
    connection.close()
    return len(numbers)


LEVELS = {"strongest": (4, JOBS), "level2": (2, JOBS // 4), "level1": (1, JOBS // 4)}


@pytest.mark.parametrize("max_level, jobs", LEVELS.values(), ids=LEVELS)
def test_no_job_sees_what_another_left(max_level, jobs):
    with Service(max_level=max_level, timeout_ms=20000, processes=16) as service:
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as executor:
            shares = [range(first, jobs, CLIENTS) for first in range(CLIENTS)]
            assert sum(executor.map(run_share, [service] * CLIENTS, shares)) == jobs
        service.wait_full()
        assert service.health()["pool"]["zygote_starts"] == 1


# Keys in a keyring that ends with the process: the user's own would stay.
JOIN = "LIBC.syscall(SYS_KEYCTL, 1, None)\nKEYRINGS = (-3,)\n"
THOROUGH = "WINDOW = 1 << 40\n"  # one process looks once: at the whole heap


def unjailed(code, folder):
    """What `code` prints as JSON, in a process of its own; its shared memory, files and keys are all thrown away."""
    private = 'for d in /dev/shm /tmp; do mount -t tmpfs tmpfs $d || exit; done; mkdir -p "$TMPDIR" && exec "$@"'
    environment = {"PATH": os.environ["PATH"], "TMPDIR": "/tmp/canary", "LANG": "C.UTF-8"}
    script = SOURCE + JOIN + THOROUGH + code
    done = subprocess.run(
        ["unshare", "--mount", "--ipc", "--uts", "--net", "sh", "-c", private, "sh", PYTHON, "-c", script],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[0])


def test_the_same_looking_finds_what_the_process_itself_left(tmp_path):
    token = new_token()
    found = unjailed(
        f"leave({token!r})\nsearch = look({new_token()!r}, False)\n"
        "print(json.dumps([search.found, search.looked]), flush=True)\nos._exit(0)", tmp_path)
    channels = {channel for channel, what in found[0] if what == token}
    assert {
        "environment", "host name", "modules", "module attributes", "regular expressions", "objects", "files",
        "file names", "descriptors", "System V memory", "POSIX memory", "keys", "fresh memory", "pools", "heap",
    } - channels == set(), found[0]
    strange = {channel for channel, what in found[0] if what.startswith("strange")}
    assert {"thread name", "locks", "System V semaphores", "System V messages"} <= strange, found[0]
    assert found[1] > LEAST_LOOKED


def test_the_same_looking_finds_what_another_process_left(tmp_path):
    token = new_token()
    child = (
        f"if os.fork() == 0:\n    leave({token!r})\n    os._exit(0)\nos.wait()\n"
        f"search = look({new_token()!r}, False)\nprint(json.dumps(search.found))"
    )
    channels = {channel for channel, _ in unjailed(child, tmp_path)}
    assert {
        "files", "file names", "System V memory", "System V semaphores", "System V messages", "POSIX memory",
    } - channels == set()
