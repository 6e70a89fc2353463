"""Sends batches and sorts their answers."""

import json

from request_parts import NDJSON

SLEEP = "import time\ndef main(s): time.sleep(s)"


def send(service, lines, headers=NDJSON):
    """The answer's objects; lines: dicts, or what is sent as it stands."""
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    answer = service.request("POST", "/execute/batch", body, headers)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == headers["Content-Type"]
    return [json.loads(line) for line in answer.raw.splitlines()]


def by_index(answers):
    assert sorted(a["index"] for a in answers) == list(range(len(answers)))
    return sorted(answers, key=lambda a: a["index"])
