"""The examples of the contract."""

import json
from pathlib import Path

import pytest

EXAMPLES = [json.loads(line) for line in Path(__file__).with_name("contract.jsonl").read_text().splitlines()]
SCRIPT_CAP_BYTES = 200 * 1024


def send(service, example):
    body = example.get("body")
    if "body_generated" in example:
        body = {"script": "#" * (SCRIPT_CAP_BYTES + 1)}
    data = None if body is None else json.dumps(body)
    return service.request(example["method"], example["path"], data, {"Content-Type": "application/json"})


def check(service, example):
    """The answer of this service is the expected one; bodies byte for byte."""
    expected = example["expect"]
    answer = send(service, example)
    assert answer.status == expected["status"], answer
    if "body" in expected:
        assert answer.raw == json.dumps(expected["body"]).encode()
    if "keys" in expected:
        assert list(answer.body) == expected["keys"]
    for key, value in expected.get("contains", {}).items():
        assert answer.body[key] == value
    if "approx" in expected:
        body = answer.body
        want = expected["approx"]
        assert body["stdout"] == want["stdout"]
        assert body["result"] == pytest.approx(want["result"])
    if "result" in expected:
        assert answer.body["result"] == expected["result"]
    if "stdout" in expected:
        assert answer.body["stdout"] == expected["stdout"]
    if "error_contains" in expected:
        assert expected["error_contains"] in answer.body["error"]
    if "error_starts" in expected:
        assert answer.body["error"].startswith(expected["error_starts"])
