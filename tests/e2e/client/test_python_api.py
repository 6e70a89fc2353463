"""The Python client has all of the API, and no more errors than it; and the file can be installed."""

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyexec
import pytest

ROOT = Path(__file__).resolve().parents[3]
PYTHON = "/usr/bin/python3"
# Operations of the OpenAPI document, and the methods that send them.
METHODS = {
    "execute": [pyexec.Client.run, pyexec.Client.code, pyexec.Client.stream, pyexec.Client.submit],
    "execute_continue": [pyexec.Client.run],  # with tools=
    "batch": [pyexec.Client.map],
    "template_put": [pyexec.Client.template],
    "templates_list": [pyexec.Client.templates],
    "template_end": [pyexec.Template.delete],
    "sessions_open": [pyexec.Client.session],
    "sessions_list": [pyexec.Client.sessions],
    "session_show": [pyexec.Session.info],
    "session_end": [pyexec.Session.close],
    "session_execute": [pyexec.Session.code, pyexec.Session.run, pyexec.Session.call, pyexec.Session.stream],
    "session_put_file": [pyexec.Session.put],
    "session_get_file": [pyexec.Session.get],
    "job_show": [pyexec.Job.is_ended, pyexec.Job.wait, pyexec.Job.result],
    "job_end": [pyexec.Job.cancel],
    "tools_list": [pyexec.Client.tools],
    "tool_call": [pyexec.Client.call_tool],
    "mcp": [pyexec.Client.mcp],
    "health": [pyexec.Client.health],
    "healthz": [pyexec.Client.healthz],
    "metrics": [pyexec.Client.metrics],
    "openapi": [pyexec.Client.openapi],
    "packages": [pyexec.Client.packages],
    "page": [pyexec.Client.page],
}
NO_METHODS = {
    "queue_pubsub": "Pub/Sub pushes messages to it",
    "queue_tasks": "Cloud Tasks sends tasks to it",
    "client_file": "this file, for whoever does not have it yet",
    "playground_file": "a part of the page to try the service on",
    "about": "a page for people",
}


def operations(document):
    """Names by method and path."""
    return {(method.upper(), path): one["operationId"] for path, methods in document["paths"].items() for method, one in methods.items()}


def test_every_operation_has_a_method_or_a_reason(document):
    missing = {}
    for (method, path), name in operations(document).items():
        if name not in METHODS and name not in NO_METHODS:
            missing[f"{method} {path}"] = name
    assert missing == {}


def test_every_method_that_is_named_says_what_it_does():
    for methods in METHODS.values():
        for method in methods:
            assert inspect.getdoc(method), method
    for name, one in vars(pyexec).items():
        if inspect.isclass(one) and not name.startswith("_") and one.__module__ == "pyexec":
            assert inspect.getdoc(one), name


def test_errors_are_the_outcomes_of_the_service(document):
    outcomes = {row["name"] for row in document["x-pyexec-outcomes"]}
    assert outcomes - set(pyexec.GOOD_OUTCOMES) == set(pyexec.ERRORS)


@pytest.mark.parametrize("file, pattern", [("server/docs/openapi.yaml", r"(?ms)^x-pyexec-outcomes:\n(.*?)^\S"), ("docs/api.md", r"(?s)\| outcome \|[^\n]*\n[^\n]*\n(.*?)\n\n")])
def test_errors_are_the_outcomes_of_the_documents(file, pattern):
    table = re.search(pattern, (ROOT / file).read_text())[1]
    outcomes = set(re.findall(r"(?m)^\| `(\w+)` \|", table) or re.findall(r"(?m)^ *- (?:\{)?name: (\w+)", table))
    assert {"ok", "busy"} <= outcomes
    assert outcomes - set(pyexec.GOOD_OUTCOMES) == set(pyexec.ERRORS)


def test_the_readme_has_every_error():
    """The table: outcome, class, what to do."""
    rows = re.findall(r"(?m)^\| (?:`(\w+)`)? ?\| `(\w+)` \| (.+) \|$", (ROOT / "client/README.md").read_text())
    named = {kind.outcome: kind.__name__ for kind in pyexec.ERRORS.values()}
    assert {outcome: kind for outcome, kind, _ in rows if outcome} == named
    others = {kind for outcome, kind, _ in rows if not outcome}
    assert others == {kind.__name__ for kind in (pyexec.Unreachable, pyexec.AnswerLost, pyexec.UnexpectedAnswer, pyexec.GaveUp)}


@pytest.mark.parametrize("name", ["join.py", "join.mjs"])
def test_an_example_of_tools_is_short(name):
    example = re.search(rf"(?ms)^```\w+ {re.escape(name)}\n(.*?)^```", (ROOT / "docs/tools.md").read_text())[1].splitlines()
    assert len(example) <= 20 and max(map(len, example)) <= 120


def test_an_error_says_whether_the_script_ran():
    for outcome, kind in pyexec.ERRORS.items():
        expected = None if outcome == "internal" else kind.outcome not in (
            "invalid_request", "unauthorized", "invalid_script", "not_found", "gone", "unknown_template", "misdirected", "busy", "rate_limited")
        assert kind("x").was_run is expected, outcome


def test_errors_survive_a_process_boundary():
    import pickle

    error = pyexec.Busy("full", status=429, retry_after=2)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.retry_after) == (pyexec.Busy, str(error), 2)


def test_the_file_is_python_3_9():
    text = (ROOT / "client/python/pyexec.py").read_text()
    ast.parse(text, feature_version=(3, 9))
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", ["python3.9", "python3.10", "python3.12", "python3.13"])
def test_other_releases_of_python_import_it(name):
    program = shutil.which(name)
    if program is None or subprocess.run([program, "-c", "import ssl"], capture_output=True).returncode != 0:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([program, "-B", ROOT / "client/python/pyexec.py", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_its_version_is_that_of_the_project():
    (version,) = re.findall(r"(?m)^project\(pyexec VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert pyexec.__version__ == version


def test_it_can_be_installed(tmp_path):
    if subprocess.run([PYTHON, "-c", "import setuptools, wheel, pip"], capture_output=True).returncode != 0:
        pytest.skip("python3-pip, python3-setuptools or python3-wheel is not installed")
    shutil.copytree(ROOT / "client/python", tmp_path / "source")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    subprocess.run([PYTHON, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check", "--target",
                    tmp_path / "here", tmp_path / "source"], check=True, capture_output=True, env=environment)
    done = subprocess.run([tmp_path / "here/bin/pyexec", "--version"], env={**environment, "PYTHONPATH": str(tmp_path / "here")},
                          capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"pyexec {pyexec.__version__}\n", "")


def test_importing_it_does_nothing():
    done = subprocess.run([sys.executable, "-B", "-W", "error", "-c", "import pyexec, threading; print(threading.active_count())"],
                          cwd=ROOT / "client/python", capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")
