"""client/javascript/pyexec.mjs against the service: its own tests in Node, its types, and what it has to know of."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from api_keys import KEY
from endpoints import Scripts
from service import BUILD, TIMEOUT_MS, Service

HERE = Path(__file__).parent
MODULE = HERE.parents[2] / "client/javascript/pyexec.mjs"
SUITES = ["jobs", "states", "failures", "mistakes", "calls"]
# How long Node may take before a test gives it up.
PATIENCE_SECONDS = 120
# What the client has no method for, and why.
NOT_CALLED = {
    ("POST", "/queue/pubsub"): "sent by Pub/Sub",
    ("POST", "/queue/tasks"): "sent by Cloud Tasks",
    ("GET", "/about"): "a page for people",
    ("GET", "/client/{asset}"): "the clients themselves",
    ("GET", "/playground/{asset}"): "the page for people",
}
STRICT = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--lib", "es2022,dom,dom.iterable",
          "--module", "esnext", "--moduleResolution", "bundler"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    scripts = Scripts(tmp_path_factory.mktemp("scripts") / "tools", add="def main(a: int, b: int = 2): return a + b\n")
    with Service(timeout_ms=TIMEOUT_MS, pool=4, tools_dir=scripts) as running:
        yield running


def run(what, *arguments, **environment):
    environment = {**os.environ, "BUILD_DIR": str(BUILD), **environment}
    return subprocess.run([HERE / "node.sh", what, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)


def url_of(service):
    return f"http://{service.host}:{service.port}"


@pytest.fixture(scope="module")
def requests(tmp_path_factory):
    """The file in which the suites note the requests of the client."""
    return tmp_path_factory.mktemp("requests") / "requests"


@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_passes(service, start, keys, requests, suite):
    keyed = start(keys_file=keys, pool=1)
    done = run("node", "--test", "--test-timeout=60000", "--test-reporter=spec", HERE / f"{suite}.mjs",
               PYEXEC_URL=url_of(service), PYEXEC_KEYED_URL=url_of(keyed), PYEXEC_KEY=KEY, PYEXEC_REQUESTS=str(requests))
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert int(re.search(r"^ℹ pass (\d+)", done.stdout, re.M)[1]) >= 8


def test_every_operation_has_a_method(document, requests):
    """The suites above have called it."""
    if not requests.exists():
        pytest.skip("the suites did not run")
    made = set(requests.read_text().splitlines())
    for path, item in document["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "$"
        for method in {"get", "put", "post", "delete"} & item.keys():
            called = any(line.split()[0] == method.upper() and re.match(pattern, line.split()[1]) for line in made)
            assert called != ((method.upper(), path) in NOT_CALLED), (method, path)


def test_the_table_of_outcomes_is_that_of_the_document(document):
    done = run("node", "--input-type=module", "-e", f"""
        import {{ OUTCOMES }} from '{MODULE}';
        console.log(JSON.stringify(Object.entries(OUTCOMES).map(([name, {{ error, ran }}]) => [name, error?.name ?? null, ran])));""")
    assert done.returncode == 0, done
    table = {name: (error, ran) for name, error, ran in json.loads(done.stdout)}
    outcomes = {row["name"]: row["statuses"][0] for row in document["x-pyexec-outcomes"]}
    assert table.keys() >= outcomes.keys()
    assert table.keys() <= outcomes.keys() | {"accepted"}
    for name, status in outcomes.items():
        error, ran = table[name]
        assert (error is None) == (status < 400), name
        assert ran or status in (400, 401, 404, 410, 412, 421, 429), name
    classes = [error for error, _ in table.values() if error]
    assert len(set(classes)) == len(classes)


def test_the_types_hold():
    done = run("types", *STRICT, MODULE)
    assert done.returncode == 0, done.stdout[:5000]


def test_it_is_one_file_without_dependencies():
    assert not re.findall(r"^\s*import\b|\brequire\(|\bimport\(", MODULE.read_text(), re.M)
    assert max(map(len, MODULE.read_text().splitlines())) <= 120
