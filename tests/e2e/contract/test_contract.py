"""Every example of contract.jsonl, through the running service; bodies byte for byte."""

import pytest

from contract import EXAMPLES, check, send


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["id"] for e in EXAMPLES])
def test_example(service, example):
    check(service, example)


def test_two_runs_give_different_random_numbers(service):
    example = next(e for e in EXAMPLES if e["id"] == "numpy/random")
    assert send(service, example).body["result"] != send(service, example).body["result"]
