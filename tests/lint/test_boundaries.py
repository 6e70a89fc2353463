"""The four sentences about who may see whom, and what a document may not outgrow.

Only server/ sees the network; only the interpreter files see Python; only sandbox/ makes raw system calls;
server and worker meet only in worker/protocol/.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for folder in ("server", "worker", "sandbox") for p in (ROOT / folder).rglob("*") if p.suffix in (".h", ".cc"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
IDS = [str(p.relative_to(ROOT)) for p in SOURCES]

# folder of the including file -> folders whose headers it may include; the longest match counts
MAY_INCLUDE = {
    "sandbox/base": {"sandbox/base"},
    "worker/protocol": {"worker/protocol", "sandbox/base"},
}
# The rooms of each part, from the lowest up; those of one row do not see each other. "" is the part's own folder.
ROOMS = {
    "sandbox": (("plan",), ("policy", "layers"), ("makers",), ("",), ("host", "front_end")),
    "worker": (("job",), ("zygote",), ("launcher",), ("",)),
    "server": (("base",), ("config",), ("json",), ("job",), ("telemetry",), ("http", "workers"), ("auth", "engine"), ("api",), ("docs",), ("app",), ("",)),
}
ROOMS_OF_SANDBOX = {f"sandbox/{room}".rstrip("/") for row in ROOMS["sandbox"] for room in row}
ALSO = {
    "sandbox": {"sandbox/base"},
    "worker": {"worker/protocol", "sandbox/base"} | ROOMS_OF_SANDBOX - {"sandbox/front_end"},
    "server": {"worker/protocol", "sandbox/base"},
}
for part, rows in ROOMS.items():
    below = set(ALSO[part])
    for row in rows:
        folders = {f"{part}/{room}".rstrip("/") for room in row}
        for folder in folders:
            MAY_INCLUDE[folder] = below | {folder}
        below |= folders
MAY_INCLUDE["server"].add("sandbox/front_end")
MOST_LINES = 300
MOST_README_LINES, MOST_PROSE_COLUMNS = 180, 120


def folder_of(path):
    return max((f for f in MAY_INCLUDE if path.startswith(f + "/")), key=len, default=None)


def includes(path):
    return re.findall(r'^#include ([<"][^>"]+)[>"]', path.read_text(), re.M)


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_includes_point_downwards(path):
    own = folder_of(str(path.relative_to(ROOT)))
    for include in includes(path):
        target = folder_of(include[1:])
        if include[0] == '"' and target is not None:
            assert target in MAY_INCLUDE[own], include


@pytest.mark.parametrize("part", ROOMS)
def test_every_file_has_a_room(part):
    outside = {"server": {"main.cc"}, "worker": {"main.cc", "protocol"}, "sandbox": {"jail.cc", "jail.h", "README.md", "base"}}
    rooms = {room for row in ROOMS[part] for room in row if room}
    names = [path.relative_to(ROOT / part).parts for path in (ROOT / part).rglob("*") if path.is_file()]
    assert {parts[0] for parts in names} == rooms | outside[part]


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_each_side_sees_only_its_library(path):
    name = str(path.relative_to(ROOT))
    for include in includes(path):
        header = include[1:]
        if header.startswith(("boost/", "rapidjson/", "CLI/")):
            assert name.startswith("server/"), include
        if header.startswith(("prometheus/", "openssl/", "zlib.h")):
            assert name.startswith("server/"), include
        if header.startswith(("pybind11/", "Python.h")):
            assert name in ("worker/job/interpreter.cc", "worker/job/builtins.cc", "worker/job/tool_channel.cc"), include


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_raw_system_calls_go_through_one_door(path):
    if path.name != "sys.cc":
        assert not re.search(r"\bsyscall\s*\(", path.read_text())


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_a_file_holds_one_idea(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_a_file_begins_by_saying_what_it_is(path):
    first = path.read_text().splitlines()[0]
    has_header = path.suffix == ".cc" and path.with_suffix(".h").exists()
    assert first.startswith("// ") or has_header, first


@pytest.mark.parametrize("path", TESTS, ids=[str(path.relative_to(ROOT)) for path in TESTS])
def test_no_test_file_imports_another(path):
    """What several files need is in a conftest.py or in support/."""
    assert not re.findall(r"^\s*(?:from|import) test_\w+", path.read_text(), re.M)


def test_the_sources_are_formatted():
    if shutil.which("clang-format") is None:
        pytest.skip("clang-format is not installed")
    if " 14." not in subprocess.check_output(["clang-format", "--version"], text=True):
        pytest.skip("releases of clang-format differ; the sources follow 14")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *map(str, SOURCES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]


def test_settings_are_documented():
    """Every PYEXEC_* variable of knobs.cc is in docs/operations.md; no document but the change log names another."""
    knobs = set(re.findall(r'"(PYEXEC_[A-Z_]+)"', (ROOT / "server/config/knobs.cc").read_text()))
    assert set(re.findall(r"^\| `(PYEXEC_[A-Z_]+)`", (ROOT / "docs/operations.md").read_text(), re.M)) == knobs
    of_clients_and_tests = {"PYEXEC_URL", "PYEXEC_KEY", "PYEXEC_TOKEN", "PYEXEC_BATCH_JOBS"}
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "cloudrun").glob("*.md")]:
        if document.name != "CHANGELOG.md":
            assert set(re.findall(r"\b(PYEXEC_[A-Z_]*[A-Z])\b", document.read_text())) - of_clients_and_tests <= knobs, document


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= MOST_README_LINES


@pytest.mark.parametrize("document", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]), ids=lambda path: path.name)
def test_prose_fits_a_screen(document):
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    assert [line for line in prose.splitlines() if len(line) > MOST_PROSE_COLUMNS and not line.startswith("|")] == []


def test_the_version_stands_in_one_place():
    (version,) = re.findall(r"^project\(pyexec VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M)
    skipped = {".git", "build.log", "results", "corpus", "__pycache__", ".pytest_cache"}
    names = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    names = [name for name in names if not name.parts[0].startswith("build") and not skipped & set(name.parts)]
    pattern = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.])")
    holders = {str(name) for name in names if pattern.search((ROOT / name).read_text(errors="replace"))}
    # Each client is a file of its own; tests hold their versions against this one.
    assert holders == {"CMakeLists.txt", "CHANGELOG.md", "client/python/pyexec.py"}
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_security_md_counts_the_attacks_of_the_self_test():
    attacks = sum(path.read_text().splitlines().count("@attack") for path in (ROOT / "python_env/selftest").glob("*.py"))
    assert f"{attacks} attacks" in (ROOT / "SECURITY.md").read_text()
