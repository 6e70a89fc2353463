"""The service's document is valid, whole and strict; the page for people, and README.md, say the same."""

import copy
import json
import os
import re
import socket
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from contract import EXAMPLES
from need import need
from openapi import Document, Mismatch, document_of
from request_parts import JSON, NDJSON
from service import BUILD, Answer

ROOT = Path(__file__).parents[3]
OK = "def main():\n    print('hello')\n    return 1"
MEASURED = ("usage", "limits")


@pytest.fixture(scope="module")
def document(service):
    return json.loads(service.request("GET", "/openapi.json").raw)


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
        assert answer.status in (200, 400), answer


def test_head_and_options_are_as_the_document_says(service, document):
    for method, path in operations(document):
        assert service.request("OPTIONS", path).headers["Allow"].startswith(method)
        assert service.request("HEAD", path).status == (200 if method == "GET" else 405)
        assert service.request("DELETE", path).status == 405


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
    for path, item in document["paths"].items():
        for operation in item.values():
            asked = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
            for name, request in asked.items():
                for status, response in responses(document, operation).items():
                    answers = response["content"]["application/json"].get("examples", {})
                    if name in answers:
                        yield name, path, request["value"], int(status), answers[name]["value"]


def test_every_example_is_what_the_service_answers(service, document):
    names = []
    for name, path, request, status, expected in examples(document):
        answer = service.request("POST", path, json.dumps(request), JSON)
        body = answer.body
        for part in MEASURED if isinstance(body, dict) else ():
            assert (part in body) == (part in expected)
            body.pop(part, None), expected.pop(part, None)
        assert (answer.status, body) == (status, expected), name
        names.append(name)
    asked = [path for path, item in document["paths"].items() for operation in item.values() if "requestBody" in operation
             for _ in operation["requestBody"]["content"]["application/json"].get("examples", {})]
    assert len(names) == len(asked) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["id"] for e in EXAMPLES])
def test_a_request_of_the_contract_is_one_of_the_documents(document, example):
    if "body" in example and example["path"] == "/execute" and example["expect"]["status"] in (200, 422):
        Document(document).check_schema(example["body"], {"$ref": "#/components/schemas/Job"}, example["id"])


def test_maxima_follow_the_knobs(start):
    job = start(timeout_ms=700, memory_mb=200, output_bytes=300, pool=1).request("GET", "/openapi.json")
    fields = job.body["components"]["schemas"]["Job"]["properties"]
    assert [fields[name]["maximum"] for name in ("timeout_ms", "memory_mb", "output_bytes")] == [700, 200, 300]


def test_every_outcome_is_at_its_statuses(document):
    """In the header of the answers to /execute, and with its meaning in their description where it is not alone."""
    answers = responses(document, document["paths"]["/execute"]["post"])
    for row in document["x-pyexec-outcomes"]:
        for status in row["statuses"]:
            assert row["name"] in answers[str(status)]["headers"]["Pyexec-Outcome"]["schema"]["enum"]
        assert f"- `{row['name']}`: {row['when']}" in answers[str(row["statuses"][0])]["description"].splitlines()
    named = [(status, name) for status, answer in answers.items() for name in answer["headers"].get("Pyexec-Outcome", {}).get("schema", {}).get("enum", ())]
    assert sorted(named) == sorted((str(status), row["name"]) for row in document["x-pyexec-outcomes"] for status in row["statuses"])


# What no document would show if schemas were lax.

RIGHT = [
    ("POST", "/execute", {"script": OK}, {}),
    ("POST", "/execute", {"script": OK, "verbose": True, "return_files": ["*"]}, {}),
    ("POST", "/execute", {"script": "def main(): 1 / 0", "verbose": True}, {}),
    ("POST", "/execute", {"script": OK}, {"Accept": "text/event-stream"}),
    ("POST", "/execute", {"script": OK}, {"Accept": "application/x-ndjson"}),
    ("POST", "/execute/batch", [{"script": OK, "verbose": True}, {"script": "def main(): 1 / 0"}, {}], {}),
    ("GET", "/health", None, {}),
    ("GET", "/healthz", None, {}),
    ("POST", "/nowhere", {}, {}),
]


def spoil(value, path=()):
    """Copies of a JSON value, each with one thing wrong: a member more, one less, one of another type."""
    if path[-1:] == ("result",):
        return
    if isinstance(value, dict):
        if path[-1:] != ("files",):
            yield path, {**value, "surplus": 1}
        for name in value:
            if path[-1:] != ("files",):
                yield (*path, name), {k: v for k, v in value.items() if k != name}
            for where, wrong in spoil(value[name], (*path, name)):
                yield where, {**value, name: wrong}
    elif isinstance(value, list):
        yield path, value + [1]
        for i, item in enumerate(value):
            for where, wrong in spoil(item, (*path, i)):
                yield where, [*value[:i], wrong, *value[i + 1 :]]
    else:
        yield path, ["another type"]


# What need not be there: without it the rest is as right.
MAY_LACK = {"files"}


@pytest.mark.parametrize("method, path, body, headers", RIGHT, ids=lambda value: json.dumps(value)[:60])
def test_an_answer_that_is_wrong_in_one_thing_is_noticed(service, document, method, path, body, headers):
    answer = service.request(method, path, body and json.dumps(body), {**JSON, **headers})
    checker, count = Document(document), 0
    for wrong in spoilt(answer):
        with pytest.raises((Mismatch, json.JSONDecodeError)):
            checker.check_answer(method, path, wrong)
            pytest.fail(f"not noticed: {wrong}", pytrace=False)
        count += 1
    assert count >= 3


def spoilt(answer):
    kind = answer.headers["Content-Type"]
    text = answer.raw.decode()
    yield Answer(418, answer.headers, answer.raw)
    if kind == "application/json":
        for where, wrong in spoil(answer.body):
            if where[-1:] and where[-1] in MAY_LACK and wrong.keys().isdisjoint(MAY_LACK):
                continue
            yield Answer(answer.status, answer.headers, json.dumps(wrong).encode())
    else:
        for line in re.findall(r"^(?:data: )?(\{.*\})$", text, re.M):
            for _, wrong in spoil(json.loads(line)):
                if {"event", "result", "error"} & wrong.keys() or "surplus" in wrong:
                    yield Answer(answer.status, answer.headers, text.replace(line, json.dumps(wrong)).encode())


def test_wrong_headers_are_noticed(service, document):
    checker = Document(document)
    for changes in ({"Pyexec-Outcome": "fine"}, {"Pyexec-Outcome": "exception"}, {"Pyexec-Outcome": None},
                    {"Server-Timing": "soon"}, {"X-Request-Id": ""}, {"Content-Type": "text/html"},
                    {"RateLimit-Limit": "many"}):
        answer = service.execute(OK)
        for name, value in changes.items():
            del answer.headers[name]
            if value is not None:
                answer.headers[name] = value
        with pytest.raises(Mismatch):
            checker.check_answer("POST", "/execute", answer)
    answer = service.request("GET", "/execute")
    del answer.headers["Allow"]
    with pytest.raises(Mismatch):
        checker.check_answer("GET", "/execute", answer)


def test_a_path_that_the_document_lacks_is_noticed(service, document):
    lacking = copy.deepcopy(document)
    del lacking["paths"]["/healthz"]
    with pytest.raises(Mismatch):
        Document(lacking).check_answer("GET", "/healthz", service.request("GET", "/healthz"))


# Lines and events, which no other test here has.


def test_a_batch_is_as_the_document_says(service):
    lines = [{"defaults": True, "progress_ms": 100, "script": "def main(n): return n"}, {"id": 7, "args": [1]},
             {"id": "x", "args": [], "verbose": True}, {"script": 1}, {"args": [1], "surplus": 1}]
    body = "\n".join(map(json.dumps, lines)) + "\nno JSON\n"
    answer = service.request("POST", "/execute/batch", body, NDJSON)
    entries = [json.loads(line) for line in answer.raw.splitlines()]
    assert sorted(entry["index"] for entry in entries if "index" in entry) == [0, 1, 2, 3, 4]
    assert "progress" in entries[-1]
    for line in lines[1:3]:
        document_of(service.openapi).check_schema(line, {"$ref": "#/components/schemas/BatchLine"}, "a line")
    document_of(service.openapi).check_schema(lines[0], {"$ref": "#/components/schemas/BatchDefaults"}, "defaults")


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
def test_a_live_answer_is_as_the_document_says(start, document, accept):
    service = start(pool=1, ping_ms=50)
    script = "import sys, time\ndef main():\n    print('a', flush=True)\n    time.sleep(.3)\n    print('b', file=sys.stderr)\n"
    for rest in ("    open('c', 'w').write('d')", "    1 / 0"):
        body = json.dumps({"script": script + rest, "return_files": ["*"]})
        answer = service.request("POST", "/execute", body, {**JSON, "Accept": accept})
        assert answer.headers["Content-Type"] == accept and b"ping" in answer.raw
        for row in document["x-pyexec-events"]:
            if row["name"] != ("result" if "/" in rest else "error"):
                assert row["name"].encode() in answer.raw, answer.raw.decode()


# The page.


class Text(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.text, self.blocks, self.links, self.open = "", [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta",):
            self.open.append(tag)
        assert tag not in ("script", "img", "iframe") and not any(name.startswith("on") for name, _ in attributes)
        self.links += [value for name, value in attributes if name == "href"]
        if tag == "pre":
            self.blocks.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if "pre" in self.open:
            self.blocks[-1] += data


@pytest.fixture(scope="module")
def page(service):
    answer = service.request("GET", "/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    return answer.raw.decode()


def test_the_page_has_every_field_and_outcome(page, document):
    text = Text(page).text
    for name, schema in document["components"]["schemas"]["BatchDefaults"]["properties"].items():
        assert name in text and schema["description"].replace("`", "") in text
    for row in document["x-pyexec-outcomes"]:
        assert row["name"] in text and row["when"].replace("`", "") in text
    for row in document["x-pyexec-events"]:
        assert row["when"].replace("`", "") in text


def test_the_packages_on_the_page_are_installed(page):
    """Named in packages.txt, or needed by one that is."""
    named = re.findall(r'<td class="minor">(python3-\w+)</td>', page)
    listed = (ROOT / "python_env/packages/packages.txt").read_text().partition("[build]")[0].splitlines()
    assert set(named) - set(listed) == {"python3-pil", "python3-dateutil"}
    assert {line for line in listed if line.startswith("python3-")} - set(named) == {"python3-munkres"}


def test_the_page_is_whole_and_escapes_what_is_text(page, service):
    parsed = Text(page)
    assert parsed.open == [] and "`" not in parsed.text
    without_style = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    bare = re.sub(r"<[^<>]*>", "", without_style)
    assert not re.search(r"[<>]|&(?!(amp|lt|gt|quot|#39|#x27);)", bare)
    for link in parsed.links:
        assert service.request("GET", link).status == 200


@need("curl")
def test_the_commands_of_the_page_work_as_typed(page, service):
    blocks = Text(page).blocks
    outputs = [run(block, service) for block in blocks if block.startswith("curl")]
    assert len(outputs) == 3
    assert outputs[0] == blocks[1]
    assert "event: end\n" in outputs[1] and '"outcome": "ok"' in outputs[1]
    assert sorted(json.loads(line)["result"] for line in outputs[2].splitlines()) == [9, 16]


def run(command, service):
    assert f" http://{service.host}:{service.port}/" in command  # the address that the page was asked for at
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_page_shows_the_address_that_it_was_reached_at(service):
    shown = {
        ("pyexec.example", None): "http://pyexec.example",
        ("pyexec.example:8443", "https"): "https://pyexec.example:8443",
        ("[::1]:80", "gopher"): "http://[::1]:80",
    }
    for (host, scheme), address in shown.items():
        headers = {"Host": host, **({"X-Forwarded-Proto": scheme} if scheme else {})}
        answer = service.request("GET", "/", headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert addresses_in(answer.raw.decode()) == [address] * 3


HOSTILE = ["'onload=alert(1);'", "$(id)", "a;id", "a&amp;b", "%3Cscript%3E", "a" * 4000, "a:99999", ""]
NOT_HTTP = ["user@host", "@version@", '"><script>alert(1)</script>', "two words", "caf\u00e9.example", "a/b", "a?b", "a#b"]


@pytest.mark.parametrize("host", HOSTILE)
def test_a_hostile_host_is_not_on_the_page(service, host):
    page = service.request("GET", "/", headers={"Host": host}).raw.decode()
    assert addresses_in(page) == [f"http://localhost:{service.port}"] * 3
    assert not host or host not in page


@pytest.mark.parametrize("host", NOT_HTTP)
def test_a_host_that_http_does_not_allow_is_refused(service, host):
    connection = service.connect()
    connection.request("GET", "/", headers={"Host": host.encode()})
    answer = connection.getresponse()
    assert answer.status == 400 and host.encode() not in answer.read()
    connection.close()


@pytest.mark.parametrize("scheme", ["HTTPS", "https, http", "javascript", '"><script>alert(1)</script>'])
def test_a_hostile_scheme_is_not_on_the_page(service, scheme):
    page = service.request("GET", "/", headers={"Host": "a.example", "X-Forwarded-Proto": scheme}).raw.decode()
    assert addresses_in(page) == ["http://a.example"] * 3


def test_without_a_host_the_page_names_the_port(service):
    with socket.create_connection((service.host, service.port)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        page = connection.makefile("rb").read().decode()
    assert addresses_in(page) == [f"http://localhost:{service.port}"] * 3


def addresses_in(page):
    """Where the commands of the page send their requests."""
    return [re.match(r"curl -sN? (\S+)/execute", block)[1] for block in Text(page).blocks if block.startswith("curl")]


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
    fields = document["components"]["schemas"]["BatchDefaults"]["properties"]
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
