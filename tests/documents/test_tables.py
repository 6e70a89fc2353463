"""The tables of the documents are those of the program: fields, outcomes, events, paths, settings, metrics, messages."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from markdown import DOCUMENTS, ROOT, anchors_of, table_of
from service import BUILD

API, OPERATIONS = Path("docs/api.md"), Path("docs/operations.md")


@pytest.fixture(scope="module")
def described(service):
    """The service's own document."""
    return json.loads(service.fetch("/openapi.json"))


def named(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_fields_are_the_services(described):
    schemas = described["components"]["schemas"]
    fields = {**schemas["Job"]["properties"], **schemas["BatchDefaults"]["properties"], "at": schemas["Cell"]["properties"]["at"]}
    fields["idle_s"] = schemas["SessionRequest"]["properties"]["idle_s"]
    assert [row[:2] for row in table_of(API, "field")] == [[f"`{name}`", one["x-pyexec-values"]] for name, one in fields.items()]


def test_outcomes_are_the_services(described):
    expected = [[f"`{row['name']}`", ", ".join(map(str, row["statuses"])), row["body"]] for row in described["x-pyexec-outcomes"]]
    assert [row[:3] for row in table_of(API, "outcome")] == expected


def test_the_readme_names_all_fields(described):
    text = (ROOT / "README.md").read_text()
    listed = named(re.search(r"(`script` is required, or .*?)\. The header", text, re.S)[1])
    schemas = described["components"]["schemas"]
    assert set(listed) == set(schemas["Job"]["properties"])


def test_events_are_the_services(described):
    expected = [[f"`{row['name']}`", ", ".join(f"`{member}`" for member in row["members"])] for row in described["x-pyexec-events"]]
    assert [row[:2] for row in table_of(API, "event")] == expected


@pytest.mark.parametrize(("document", "heading"), [("README.md", "request"), (API, "path")])
def test_paths_are_the_services(described, document, heading):
    told = {tuple(one.split()) for row in table_of(document, heading) for one in named(row[0])}
    served = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert told | {("POST", "/execute"), ("POST", "/execute/batch")} == served


def test_settings_are_the_programs():
    """Variable, flag, default and range, as --help says them."""
    usage = " ".join(subprocess.check_output([BUILD / "pyexec-server", "--help"], text=True).split())
    rows = table_of(OPERATIONS, "variable")
    for variable, flag, fallback, limits, _ in rows:
        fallback = "" if fallback.startswith("4 a core") else re.escape(f"default {fallback}")
        limits = re.escape(f"; {limits}") if limits else ""
        wanted = rf"{named(flag)[0]} (N|TEXT)\b[^\[]*\[{named(variable)[0]}; {fallback}[^\]]*{limits}\]"
        assert re.search(wanted, usage), variable
    assert [named(row[0])[0] for row in rows] == re.findall(r"\[(PYEXEC_\w+);", usage)


def test_metrics_are_the_services(service):
    told = {name for row in table_of(OPERATIONS, "metric") for name in named(row[0])}
    assert told == set(re.findall(r"^# TYPE (\S+)", service.fetch("/metrics").decode(), re.M))


def test_attacks_are_counted_right(service):
    (made,) = re.findall(r"of (\d+) attacks on itself blocked", service.greeting)
    for document in ("README.md", "SECURITY.md", OPERATIONS):
        assert set(re.findall(r"\b(\d+) (?:ways|attacks)\b", (ROOT / document).read_text())) == {made}, document


def test_messages_are_the_programs():
    """What troubleshooting.md has as headings, stands in the sources in as many pieces."""
    sources = "".join(path.read_text() for folder in ("server", "python_env/runtime") for path in sorted((ROOT / folder).rglob("*.*")) if path.suffix in (".cc", ".py"))
    sources = re.sub(r'"\s*\n\s*"', "", sources)  # adjacent literals
    headings = re.findall(r"^### (.*)$", (ROOT / "docs/troubleshooting.md").read_text(), re.M)
    from_elsewhere = {"Address already in use": "the C library", "Object of type": "Python", "is not JSON serializable": "Python"}
    assert len(headings) >= 10
    for heading in headings:
        for piece in (one.strip(" ,:;()") for one in heading.split("...")):
            assert piece in from_elsewhere or piece in sources, piece


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_headings_are_unique(document):
    """A link by anchor is to one of them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", (ROOT / document).read_text(), flags=re.M | re.S), re.M)
    assert len(anchors_of(document)) == len(headings)
