"""The gallery of the playground: each example works, and each attack fails as it says."""

import json
import re
from pathlib import Path

import pytest

from service import Service

FOLDER = Path(__file__).parents[3] / "server/docs/playground"
EXAMPLES, ATTACKS = (sorted(path.stem for path in (FOLDER / kind).glob("*.py")) for kind in ("examples", "attacks"))
FAILING = {"06_error": "exception"}
# What an attack that gets through says.
GOT_THROUGH = re.compile(r"\b[A-Z]{4,}\b")


@pytest.fixture(scope="module")
def service():
    """With the limits of a service that is used: an attack may take its time."""
    with Service(pool=4) as running:
        yield running


def members(kind, name):
    lines = (FOLDER / kind / f"{name}.py").read_text().splitlines()[1:]
    found = (re.fullmatch(r"# (\w+): (.*)", line) for line in lines)
    return {one[1]: json.loads(one[2]) for one in found if one}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_works(page, name):
    page.choose(name)
    page.run()
    assert page.text(".badge") == FAILING.get(name, "ok"), page.text(".run")
    assert page.printed or page.result or page.all("img.picture, .table, iframe")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_and_nothing_else_does(page, name):
    before = page.service.health()
    page.choose(name)
    page.run()
    assert page.text(".badge") in members("attacks", name)["outcomes"], page.text(".run")
    assert not GOT_THROUGH.search(re.sub(r"AF_\w+", "", page.result)), page.result
    page.service.wait_idle()
    after = page.service.health()
    assert (after["status"], after["pool"]["zygote_starts"]) == ("healthy", before["pool"]["zygote_starts"])
    assert page.run("def main(): return 42", "script").startswith("Done")
    assert page.result == "42"


def test_each_says_what_it_is():
    for kind, names in (("examples", EXAMPLES), ("attacks", ATTACKS)):
        for name in names:
            text = (FOLDER / kind / f"{name}.py").read_text()
            assert re.match(r"# \S.*[^.]\n# about: \"", text), name
            assert max(map(len, text.splitlines())) <= 120, name
            assert members(kind, name).keys() <= {"about", "args", "files", "return_files", "timeout", "outcomes"}
    assert len(ATTACKS) >= 10
