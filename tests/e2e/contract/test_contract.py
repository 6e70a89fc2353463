"""Every example of contract.jsonl, through the running service; bodies byte for byte."""

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


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["id"] for e in EXAMPLES])
def test_example(service, example):
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


def test_two_runs_give_different_random_numbers(service):
    example = next(e for e in EXAMPLES if e["id"] == "numpy/random")
    assert send(service, example).body["result"] != send(service, example).body["result"]
