"""Each script of tests/attacks: works outside the jail (or the test proves nothing), is denied inside, at the strongest
level that this host gives and at the weaker ones that have other jails.

A script defines attack(target), which returns something true if it got what it wanted. LEVELS, where a script has it,
are the levels of isolation that have to deny it; all, where it has not.
"""

import ast
import functools
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jailed_attack import ALL_LEVELS, JAILED
from service import TIMEOUT_MS, Service

ATTACKS = sorted((Path(__file__).parents[2] / "attacks").glob("*.py"))
PYTHON = "/usr/bin/python3"

SHARED_FILES = ("/usr/lib/os-release", "/dev/null", "/dev/zero")  # that a job can open at every level
UNJAILED = """
{source}
import json
try:
    got = attack({target!r})
    print(json.dumps({{"got": repr(got)[:500] if got else None}}))
except OSError as error:
    print(json.dumps({{"denied": repr(error)}}))
"""


def inode_of(path):
    state = os.stat(path)
    return [state.st_dev, state.st_ino]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """What attacks aim at: a listener, an abstract socket, a readable secret, a process that holds it."""
    secret = secrets.token_hex()
    secret_file = tmp_path_factory.mktemp("attack") / "secret"
    secret_file.write_text(secret)
    for folder in [secret_file, *list(secret_file.parents)[:3]]:
        if str(folder) not in ("/", "/tmp"):
            os.chmod(folder, 0o755)
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    name = f"pyexec-{secret[:12]}"
    abstract.bind("\0" + name)
    abstract.listen()

    def greet():
        try:
            while True:
                tcp.accept()[0].sendall(b"hello")
        except OSError:
            pass

    threading.Thread(target=greet, daemon=True).start()
    victim = subprocess.Popen(["sleep", "1000"], env={"SECRET": secret})
    yield {
        "secret": secret, "secret_file": str(secret_file), "tcp_port": tcp.getsockname()[1], "abstract_name": name,
        "victim_pid": victim.pid, "host_files": {path: inode_of(path) for path in SHARED_FILES},
    }
    victim.kill()
    victim.wait()
    tcp.close()
    abstract.close()


@pytest.fixture(scope="module", params=[4, 2, 1], ids=["strongest", "level2", "level1"])
def at_level(request):
    """A server of each kind of jail: the strongest is level 3 where no control group can be made."""
    with Service(timeout_ms=TIMEOUT_MS, max_level=request.param) as running:
        running.level = running.health()["isolation"]["level"]
        assert running.level == request.param or (request.param, running.level) == (4, 3)
        yield running


@pytest.fixture(scope="module")
def unjailed(target):
    """The positive control of a script; made once, whatever the number of levels."""

    @functools.cache
    def run(path):
        with open(target["secret_file"]) as inherited:
            done = subprocess.run(
                ["unshare", "--mount", PYTHON, "-c", UNJAILED.format(source=path.read_text(), target=target)],
                stdin=inherited, capture_output=True, text=True, timeout=60,
            )
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def levels_of(path):
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "LEVELS":
            return ast.literal_eval(statement.value)
    return ALL_LEVELS


@pytest.mark.parametrize("path", ATTACKS, ids=[p.stem for p in ATTACKS])
def test_attack(at_level, target, unjailed, path):
    if at_level.level not in levels_of(path):
        pytest.skip(f"not for level {at_level.level}")
    answer = at_level.execute(JAILED.format(source=path.read_text(), target=target))
    assert answer.outcome == "ok", answer  # it ran to its end, and did not fail for a reason of its own
    assert not answer.body["result"].get("got"), answer

    control = unjailed(path)
    if "denied" in control:
        pytest.skip(f"this host itself denies it: {control['denied']}")
    assert control["got"], f"the attack does not work outside the jail either, so it shows nothing: {control}"


def test_there_are_attacks():
    assert len(ATTACKS) >= 60, sys.path
    assert all(set(levels_of(path)) <= set(ALL_LEVELS) for path in ATTACKS)
