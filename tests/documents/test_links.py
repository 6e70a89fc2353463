"""Every link and anchor of every document leads somewhere, and every file that one names exists."""

import re

import pytest
from markdown import DOCUMENTS, FILES, ROOT, anchors_of, prose_of

IDS = list(map(str, DOCUMENTS))
NAMES = {path.name for path in FILES}
TOP = {path.parts[0] for path in FILES}
METHODS = {"server/discover"}  # of MCP
OF_SOURCES = (".cc", ".h", ".py", ".sh", ".md", ".yaml")
# Names of source files in documents that are files of jobs or users.
ELSEWHERE = {"script.py", "nginx.conf", "NAME.py"}


def spread(name):
    """`a/{b,c}.cc` is two names."""
    found = re.search(r"\{([^{}]*,[^{}]*)\}", name)
    if not found:
        return [name]
    return [one for choice in found[1].split(",") for one in spread(name[: found.start()] + choice + name[found.end() :])]


def exists(name, folder):
    """Below the root or the document's folder; a bare name anywhere."""
    if "/" not in name:
        return name in NAMES
    return any(list(base.glob(name.rstrip("/"))) for base in (ROOT, folder))


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(document)):
        if re.match(r"https?://", link):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / document.parent / file).resolve() if file else ROOT / document
        assert target.exists() and ROOT in (target, *target.parents), link
        if anchor:
            assert anchor in anchors_of(target.relative_to(ROOT)), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_named_files_exist(document):
    for quoted in re.findall(r"`([\w./*{},-]+)`", prose_of(document)):
        for name in spread(quoted):
            is_path = "/" in name and name.split("/")[0] in TOP
            if name not in ELSEWHERE | METHODS and (is_path or "/" not in name and name.endswith(OF_SOURCES) and not re.match(r"^(\w+)?\*", name)):
                assert exists(name, ROOT / document.parent), name


def test_every_document_can_be_reached_from_the_readme():
    reached, todo = set(), [DOCUMENTS[IDS.index("README.md")]]
    while todo:
        document = todo.pop()
        if document in reached:
            continue
        reached.add(document)
        for link in re.findall(r"\]\(([^)#\s]+)", prose_of(document)):
            target = (ROOT / document.parent / link).resolve()
            if target.suffix == ".md" and target.exists():
                todo.append(target.relative_to(ROOT))
    assert set(DOCUMENTS) - reached == set()
