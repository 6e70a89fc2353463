"""The endpoint as official clients see it: the conformance suite, both client libraries, and the inspector.

They come from npm, at the versions of package.json. The suite's own tools are scripts in fixtures/.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from api_keys import KEY
from service import BUILD, Service

HERE = Path(__file__).parent
# How long a client may take before a test gives it up.
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def service():
    with Service(tools_dir=HERE / "fixtures", pool=4) as running:
        yield running


def url_of(service):
    return f"http://{service.host}:{service.port}/mcp"


def run(client, *arguments):
    environment = {**os.environ, "BUILD_DIR": str(BUILD)}
    return subprocess.run(
        [HERE / "clients.sh", client, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)


def calls_by(client, service, *calls, headers=None):
    done = run(client, url_of(service), json.dumps(calls), json.dumps(headers or {}))
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def inspect(service, *arguments):
    done = run("inspector", url_of(service), "--transport", "http", *arguments)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


FIXTURES = sorted(path.stem for path in (HERE / "fixtures").glob("*.py"))
VERSIONS = {"sdk": "2025-11-25", "client": "2026-07-28"}


# The conformance suite

@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25"])
def test_the_suite_fails_where_it_must_and_nowhere_else(service, revision, tmp_path):
    done = run("conformance", "server", "--url", url_of(service), "--requirements", revision,
               "--expected-failures", HERE / "expected_failures.yaml", "--output-dir", tmp_path)
    summary = done.stdout[done.stdout.find("=== SUMMARY"):]
    assert done.returncode == 0, summary
    passed = set(re.findall(r"^✓ ([\w-]+)", summary, re.M))
    assert passed >= {"tools-list", "tools-call-simple-text", "tools-call-image", "tools-call-audio", "tools-call-error",
                      "tools-call-embedded-resource", "tools-call-mixed-content", "tools-call-with-progress", "dns-rebinding-protection"}
    assert passed >= ({"http-header-validation"} if revision == "2026-07-28" else {"server-initialize", "ping"})


def test_most_checks_of_the_stateless_era_are_made(service, tmp_path):
    """An expected failure of one check must not hide that the others were not made."""
    done = run("conformance", "server", "--url", url_of(service), "--scenario", "server-stateless", "--output-dir", tmp_path)
    (file,) = tmp_path.rglob("checks.json")
    checks = {check["id"]: check for check in json.loads(file.read_text())}
    failed = {name for name, check in checks.items() if check["status"] == "FAILURE"}
    expected = re.findall(r"^  - server-stateless:(\S+)", (HERE / "expected_failures.yaml").read_text(), re.M)
    assert failed == set(expected), done.stdout
    assert all("Not testable" in checks[name]["errorMessage"] for name in failed)
    assert sum(check["status"] == "SUCCESS" for check in checks.values()) > 15


# The libraries, one of each era

@pytest.mark.parametrize("client", VERSIONS)
def test_a_library_connects_and_lists(service, client):
    seen = calls_by(client, service)
    assert (seen["server"]["name"], seen["version"]) == ("pyexec", VERSIONS[client])
    assert "run_python" in seen["instructions"]
    assert [tool["name"] for tool in seen["tools"]] == ["run_python", *FIXTURES]
    assert seen["tools"][0]["inputSchema"]["required"] == ["code"]
    assert seen["tools"][0]["annotations"]["title"] == "Run Python"


@pytest.mark.parametrize("client", VERSIONS)
def test_a_library_runs_code(service, client):
    value, failed = calls_by(
        client, service,
        {"name": "run_python", "arguments": {"code": "print('é ☃')\n6 * 7"}},
        {"name": "run_python", "arguments": {"code": "1 / 0"}},
    )["calls"]
    assert [item["text"] for item in value["result"]["content"]] == ["é ☃\n", "42"]
    assert (value["result"]["isError"], value["result"]["structuredContent"]["result"]) == (False, 42)
    assert failed["result"]["isError"] is True
    assert "ZeroDivisionError" in failed["result"]["content"][0]["text"]


@pytest.mark.parametrize("client", VERSIONS)
def test_a_library_keeps_a_session(service, client):
    seen = calls_by(client, service, {"name": "run_python", "arguments": {"code": "x = 20", "session": "new"}})
    session = seen["calls"][0]["result"]["structuredContent"]["session"]
    try:
        (kept,) = calls_by(client, service, {"name": "run_python", "arguments": {"code": "x + 1", "session": session}})["calls"]
        assert kept["result"]["structuredContent"]["result"] == 21
    finally:
        service.request("DELETE", f"/sessions/{session}")


@pytest.mark.parametrize("client", VERSIONS)
def test_a_library_shows_an_image(service, client):
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nNone"
    (call,) = calls_by(client, service, {"name": "run_python", "arguments": {"code": code}})["calls"]
    (image,) = [item for item in call["result"]["content"] if item["type"] == "image"]
    assert image["mimeType"] == "image/png" and image["data"].startswith("iVBOR")


@pytest.mark.parametrize("client", VERSIONS)
def test_a_library_calls_endpoints(service, client):
    calls = calls_by(client, service, *({"name": name, "arguments": {}} for name in FIXTURES))["calls"]
    results = {name: call["result"] for name, call in zip(FIXTURES, calls)}
    assert [name for name in FIXTURES if results[name].get("isError")] == ["test_error_handling"]
    types = {name: [item["type"] for item in result["content"]] for name, result in results.items()}
    assert types["test_multiple_content_types"] == ["text", "image", "resource"]
    assert (types["test_audio_content"], types["test_image_content"]) == (["audio"], ["image"])


@pytest.mark.parametrize("client", VERSIONS)
def test_a_library_hears_of_progress(service, client):
    told, silent = calls_by(
        client, service,
        {"name": "test_tool_with_progress", "arguments": {}, "progress": True},
        {"name": "test_tool_with_progress", "arguments": {}},
    )["calls"]
    printed = told["result"]["structuredContent"]["stdout"]
    assert printed.startswith("0/100\n10/100\n") and printed == silent["result"]["structuredContent"]["stdout"]
    numbers = [one["progress"] for one in told["told"]]
    assert numbers and numbers == sorted(set(numbers))
    assert printed.startswith("".join(one["message"] for one in told["told"]))
    assert silent["told"] == []


@pytest.mark.parametrize("client", VERSIONS)
def test_a_library_throws_for_an_unknown_tool_and_not_for_wrong_arguments(service, client):
    unknown, wrong = calls_by(
        client, service, {"name": "nothing", "arguments": {}}, {"name": "test_simple_text", "arguments": {"size": 1}})["calls"]
    assert unknown["thrown"]["code"] == -32602 and "nothing" in unknown["thrown"]["message"]
    assert wrong["result"]["isError"] is True and "size" in wrong["result"]["content"][0]["text"]


def test_the_libraries_with_a_key_and_without(start, keys):
    service = start(keys_file=keys, pool=2)
    for client in VERSIONS:
        assert calls_by(client, service, headers={"Authorization": f"Bearer {KEY}"})["tools"]
        refused = calls_by(client, service)["refused"]
        assert "401" in refused or "Unauthorized" in refused, refused


# The inspector

def test_the_inspector_lists(service):
    assert [tool["name"] for tool in inspect(service, "--method", "tools/list")["tools"]] == ["run_python", *FIXTURES]


def test_the_inspector_calls(service):
    called = inspect(service, "--method", "tools/call", "--tool-name", "run_python", "--tool-arg", "code=print(1)")
    assert (called["content"], called["isError"]) == ([{"type": "text", "text": "1\n"}], False)
    failed = inspect(service, "--method", "tools/call", "--tool-name", "test_error_handling")
    assert failed["isError"] is True and "intentionally" in failed["content"][0]["text"]
