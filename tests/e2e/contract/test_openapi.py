"""The service's document is valid and whole, and the tables of README.md or docs/ say the same."""

import copy
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from contract import EXAMPLES
from need import need
from openapi import Document
from request_parts import JSON, OK
from service import BUILD

ROOT = Path(__file__).parents[3]
MEASURED = ("usage", "limits")


def operations(document):
    return [(method.upper(), path) for path, item in document["paths"].items() for method in item]


def test_the_document_is_served_as_json(service):
    answer = service.request("GET", "/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body["openapi"] == "3.1.0" and answer.body["info"]["title"] == "pyexec"


@need("node")
@need("npm")
def test_the_linter_finds_nothing(service, tmp_path):
    file = tmp_path / "openapi.json"
    file.write_bytes(service.request("GET", "/openapi.json").raw)
    done = lint(file)
    assert done.returncode == 0, done.stdout + done.stderr


@need("node")
@need("npm")
def test_the_linter_finds_what_is_wrong(document, tmp_path):
    broken = copy.deepcopy(document)
    del broken["paths"]["/healthz"]["get"]["operationId"]
    broken["components"]["schemas"]["Job"]["type"] = "thing"
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(broken))
    done = lint(file)
    assert done.returncode == 1 and "operationId" in done.stdout and "thing" in done.stdout, done


def lint(file):
    environment = {**os.environ, "BUILD_DIR": str(BUILD)}
    return subprocess.run([ROOT / "tests/openapi/lint.sh", file], env=environment, capture_output=True, text=True)


def test_every_route_of_the_document_answers(service, document):
    for method, path in operations(document):
        answer = service.request(method, path, "" if method == "POST" else None, JSON)
        of_another = "{" in path  # which is none
        assert answer.status in ((400, 404) if of_another else (200, 201, 400)), answer
        if answer.status == 201:
            service.request("DELETE", answer.headers["Location"])


def test_head_and_options_are_as_the_document_says(service, document):
    for method, path in operations(document):
        methods = {one.upper() for one in document["paths"][path]} | {"OPTIONS"}
        methods |= {"HEAD"} if "GET" in methods else set()
        assert set(service.request("OPTIONS", path).headers["Allow"].split(", ")) == methods
        is_there = "HEAD" in methods and "{" not in path
        assert service.request("HEAD", path).status == (200 if is_there else 404 if "GET" in methods else 405)
        assert service.request("PATCH", path).status == 405


def test_a_preflight_names_the_origin_once(start):
    service = start(cors_origins="https://app.example", pool=1)
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = service.request("OPTIONS", "/execute", headers=asks)
    assert answer.headers.get_all("Access-Control-Allow-Origin") == ["https://app.example"]
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert "Vary" in answer.headers and service.execute(OK).outcome == "ok"


def responses(document, operation):
    """By status, without references."""
    shared = document["components"]["responses"]
    return {status: shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            for status, one in operation["responses"].items()}


def examples(document):
    """Not of tools: they are the operator's."""
    for path, item in document["paths"].items():
        if "{tool}" in path:
            continue
        for operation in item.values():
            asked = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
            for name, request in asked.items():
                for status, response in responses(document, operation).items():
                    answers = response.get("content", {}).get("application/json", {}).get("examples", {})
                    if name in answers:
                        yield name, path, request["value"], int(status), answers[name]["value"]


def test_every_example_is_what_the_service_answers(service, document):
    names = []
    prepared = document["paths"]["/sessions"]["post"]["requestBody"]["content"]["application/json"]["examples"]["notebook"]["value"]
    session = service.request("POST", "/sessions", json.dumps(prepared), JSON).headers["Location"]
    for name, path, request, status, expected in examples(document):
        path = path.replace("/sessions/{session}", session)
        answer = service.request("POST", path, json.dumps(request), JSON)
        body = answer.body
        for part in MEASURED if isinstance(body, dict) else ():
            assert (part in body) == (part in expected)
            body.pop(part, None), expected.pop(part, None)
        assert (answer.status, body) == (status, expected), name
        names.append(name)
    asked = [path for path, item in document["paths"].items() if "{tool}" not in path for operation in item.values() if "requestBody" in operation
             for _ in operation["requestBody"]["content"].get("application/json", {}).get("examples", {})]
    assert len(names) == len(asked) - 4 >= 7  # the names of sessions, templates and waiting jobs are nobody's to write down
    assert service.request("DELETE", session).status == 204


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["id"] for e in EXAMPLES])
def test_a_request_of_the_contract_is_one_of_the_documents(document, example):
    if "body" in example and example["path"] == "/execute" and example["expect"]["status"] in (200, 422):
        Document(document).check_schema(example["body"], {"$ref": "#/components/schemas/Job"}, example["id"])


def test_maxima_follow_the_knobs(start):
    job = start(timeout_ms=700, memory_mb=200, output_bytes=300, pool=1).request("GET", "/openapi.json")
    fields = job.body["components"]["schemas"]["Job"]["properties"]
    assert [fields[name]["maximum"] for name in ("timeout_ms", "memory_mb", "output_bytes")] == [700, 200, 300]


def test_every_outcome_is_at_its_statuses(document):
    """In the header of the answers to /execute, or to a cell of a session, and with its meaning in their description where
    it is not alone."""
    answers = responses(document, document["paths"]["/execute"]["post"])
    of_cells = responses(document, document["paths"]["/sessions/{session}/execute"]["post"])
    answers = {**{status: of_cells[status] for status in ("404", "410", "421")}, **answers}
    for row in document["x-pyexec-outcomes"]:
        for status in row["statuses"]:
            assert row["name"] in answers[str(status)]["headers"]["Pyexec-Outcome"]["schema"]["enum"]
        assert f"- `{row['name']}`: {row['when']}" in answers[str(row["statuses"][0])]["description"].splitlines()
    named = [(status, name) for status, answer in answers.items() for name in answer["headers"].get("Pyexec-Outcome", {}).get("schema", {}).get("enum", ())]
    assert sorted(named) == sorted((str(status), row["name"]) for row in document["x-pyexec-outcomes"] for status in row["statuses"])


# The tables in README.md or docs/


def rows(heading):
    """Of the table whose first column has this heading."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    lines = next(text for text in (file.read_text() for file in files) if f"\n| {heading} |" in text).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            return table
        table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])


def test_the_readmes_fields_are_the_documents(document):
    schemas = document["components"]["schemas"]
    fields = {**schemas["Job"]["properties"], **schemas["BatchDefaults"]["properties"], "at": schemas["Cell"]["properties"]["at"]}
    fields["idle_s"] = schemas["SessionRequest"]["properties"]["idle_s"]
    expected = [[f"`{name}`", one["x-pyexec-values"], one["description"]] for name, one in fields.items()]
    assert rows("field") == expected


def test_the_readmes_outcomes_are_the_documents(document):
    expected = [
        [f"`{row['name']}`", ", ".join(map(str, row["statuses"])), row["body"], row["when"]]
        for row in document["x-pyexec-outcomes"]
    ]
    assert rows("outcome") == expected


def test_the_readmes_events_are_the_documents(document):
    expected = [[f"`{row['name']}`", ", ".join(f"`{m}`" for m in row["members"]), row["when"]]
                for row in document["x-pyexec-events"]]
    assert rows("event") == expected
