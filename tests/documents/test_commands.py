"""The commands of the documents do what is shown, in the order in which a reader types them. Those that cannot run in a test
are in NOT_RUN, and what can be said of them without running them is checked."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from markdown import DOCUMENTS, ROOT, blocks_of
from service import BUILD, Service

# The first word of a command, and why no test runs it.
NOT_RUN = {
    "docker": "needs an engine; tests/environments/run.sh runs the image",
    "gcloud": "needs a project of Google Cloud",
    "kubectl": "needs a cluster",
    "sed": "its output goes to kubectl",
    "apparmor_parser": "needs a kernel with AppArmor",
    "cloudrun/deploy.sh": "needs Google Cloud; tests/cloudrun runs it with stand-ins",
    "cloudrun/smoke.sh": "tests/cloudrun runs it",
    "./run.sh": "installs and serves until it is ended",
    "./test.sh": "runs this test",
    "./dev": "builds, or runs this test",
    "tests/bench/bench.sh": "takes minutes and a quiet machine",
    "tests/load/load.sh": "takes minutes and a quiet machine",
    "tests/load/soak.sh": "takes half an hour",
    "tests/load/load.py": "tests/cloudrun/test_documents.py runs it",
    "tests/load/capacity.py": "tests/cloudrun/test_documents.py runs it",
    "tests/fuzz/run.sh": "builds with clang, and runs for minutes",
    "claude": "a client, with a configuration of its own",
}
COMMANDS = {"sh"}  # languages of blocks that are typed into a shell
PROGRAMS = {"python": ["/usr/bin/python3", "-B"], "js": ["node"]}  # those that a file is run with
SERVICES = {  # words of blocks: what the service is given
    "keys": ("keys_file", "keys.txt"), "tools": ("tools_dir", "tools"), "packages": ("packages_dir", "packages"),
}
VARYING = r'"\w+_ms": |"\w+_bytes": |"size": |;?dur='  # what stands before a number that no run repeats


def commands_of(block):
    """Its commands, one a line, without comments and continuation; here-documents are left out."""
    text = re.sub(r"<<'(\w+)'(.*?)\n.*?\n\1\n", r"\2\n", block.text, flags=re.S).replace("\\\n", " ")
    lines = (re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines() if not line.startswith("#"))
    return [command.strip() for line in lines for command in re.split(r"&&|\|\s(?!\.)", line) if command.strip()]


def programs_in(block):
    """The first word of each command, behind variables that are set for it."""
    return [re.sub(r"^(\w+=(\$\([^)]*\)|\S+)\s+)+", "", command).split()[0] for command in commands_of(block)]


def why_not_run(block):
    return next((NOT_RUN[word] for word in programs_in(block) if word in NOT_RUN), None)


def shown_in(block, answer):
    """A regular expression of what an answer shows: `...` is anything, white space is white space, times and sizes vary."""
    text = re.sub(rf"({VARYING})[\d.]+", r"\1\0", " ".join(answer.split()))
    pattern = re.escape(text).replace(re.escape("..."), ".*").replace(re.escape("\0"), r"[\d.]+")
    return pattern.replace(r"\ ", r"\s+")


def matches(answer, printed):
    if "unordered" not in answer.words:
        return re.fullmatch(shown_in(answer, answer.text), " ".join(printed.split()), re.S) is not None
    left = printed.splitlines()
    for line in answer.text.splitlines():
        found = next((one for one in left if re.fullmatch(shown_in(answer, line), " ".join(one.split()))), None)
        if found is None:
            return False
        left.remove(found)
    return left == []


class Reader:
    """Somebody who reads a document from its top, in a directory of their own, and types what it says."""

    def __init__(self, folder, service):
        self.folder, self.services, self.open = folder, {"": service}, contextlib.ExitStack()

    def service_for(self, block):
        which = next((word for word in block.words if word in SERVICES), "")
        if which not in self.services:
            knob, path = SERVICES[which]
            self.services[which] = self.open.enter_context(Service(**{knob: self.folder / path}))
        return self.services[which]

    def run(self, command, block):
        service = self.service_for(block)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYEXEC_")}
        environment |= {"PATH": f"{BUILD}:{environment['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [one.replace("localhost:8080", f"{service.host}:{service.port}") for one in command]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{block}: {done.stderr}{done.stdout}"
        return done.stdout

    def read(self, block, is_answered):
        """Returns what the block prints; None if it is not to be run."""
        if block.language in COMMANDS and why_not_run(block) is None:
            return self.run(["bash", "-euo", "pipefail", "-c", block.text], block)
        if block.file_name and "answer" not in block.words:
            text = block.text
            if is_answered and block.language in PROGRAMS:
                service = self.service_for(block)
                text = text.replace("localhost:8080", f"{service.host}:{service.port}")
            path = self.folder / block.file_name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            if block.file_name.startswith("tools/"):
                self.services.pop("tools", None)  # the next one reads this file, too
            if is_answered and block.language in PROGRAMS:
                return self.run([*PROGRAMS[block.language], block.file_name], block)
        return None


def programs_of(blocks):
    used = {"jq", "curl", "openssl"} & {word for block in blocks if block.language in COMMANDS for word in re.findall(r"\w+", block.text)}
    return used | ({"node"} if any(block.language == "js" for block in blocks) else set())


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_commands_do_what_is_shown(document, service):
    blocks = blocks_of(document)
    missing = sorted(program for program in programs_of(blocks) if shutil.which(program) is None)
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; python_env/packages/install_packages.sh test installs them")
    with tempfile.TemporaryDirectory(prefix="pyexec-documents-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)  # the server reads keys.txt as another user
        reader = Reader(Path(folder), service)
        with reader.open:
            printed = None
            for block, after in zip(blocks, [*blocks[1:], None]):
                if "answer" in block.words:
                    assert printed is None or matches(block, printed), f"{block}: {printed}"
                    printed = None
                else:
                    printed = reader.read(block, after is not None and "answer" in after.words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_block_says_what_it_is(document):
    """So that none is left out by a forgotten word, and every answer is that of a block that runs."""
    before = None
    for block in blocks_of(document):
        assert block.language in {"sh", "python", "js", "json", "yaml", "text"}, block
        if "answer" in block.words:
            is_run = before is not None and (before.language in COMMANDS or before.language in PROGRAMS and before.file_name)
            assert is_run and (before.language not in COMMANDS or why_not_run(before) is None), f"{block} answers no block that runs"
        elif block.language == "json":
            for text in block.text.splitlines() if (block.file_name or "").endswith(".ndjson") else [block.text]:
                json.loads(text)
        before = block


def test_each_of_the_twelve_recipes_has_at_most_ten_lines():
    """Those of all its blocks, but for what they print."""
    recipes = Path("docs/recipes.md")
    text = (ROOT / recipes).read_text()
    assert re.match(r"# Recipes\n\nTwelve things .* Each takes at most ten lines\.", text, re.S)
    lines = {number: 0 for number, line in enumerate(text.splitlines(), 1) if line.startswith("## ")}
    for block in blocks_of(recipes):
        if "answer" not in block.words and block.line > min(lines):
            lines[max(number for number in lines if number < block.line)] += block.text.count("\n")
    assert len(lines) == 12
    assert all(0 < count <= 10 for count in lines.values()), lines


def test_what_is_not_run_is_named_by_a_document():
    named = {word for document in DOCUMENTS for block in blocks_of(document) if block.language in COMMANDS for word in programs_in(block)}
    assert set(NOT_RUN) - named == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_scripts_that_are_not_run_have_their_flags(document):
    for block in blocks_of(document):
        for command in commands_of(block) if block.language in COMMANDS else ():
            program, *words = command.split()
            if not program.startswith((".", "cloudrun/", "tests/", "python_env/")):
                continue
            script = ROOT / program
            assert os.access(script, os.X_OK), f"{block}: {program}"
            text = script.read_text()
            helpers = [script.with_suffix(".py"), *(ROOT / name for name in re.findall(r"\btests/[\w/]+\.(?:sh|py)", text))]
            helpers += [path.with_suffix(".py") for path in helpers]
            known = text + "".join(path.read_text() for path in helpers if path.exists())
            assert program != "./dev" or re.search(rf"^  {words[0]}\)", text, re.M), f"{block}: {words[0]}"
            for word in words:
                if word.startswith("--"):
                    assert word.split("=")[0] in known, f"{block}: {word}"


def test_docker_is_given_what_exists():
    image = (ROOT / "Dockerfile").read_text()
    (port,) = re.findall(r"^EXPOSE (\d+)$", image, re.M)
    knobs = (ROOT / "server/config/knobs.cc").read_text()
    seen = 0
    for block in (block for document in DOCUMENTS for block in blocks_of(document) if block.language in COMMANDS):
        for command in (command for command in commands_of(block) if command.startswith("docker ")):
            seen += 1
            for profile in re.findall(r"seccomp=(\S+)", command):
                assert json.loads((ROOT / profile).read_text())["defaultAction"] == "SCMP_ACT_ERRNO"
            for published in re.findall(r"-p (\S+)", command):
                assert published.split(":")[-1] == port, block
            for name in re.findall(r"-e (\w+)=", command):
                assert f'"{name}"' in knobs, f"{block}: {name}"
            for name in re.findall(r"--build-arg (\w+)=", command):
                assert re.search(rf"^ARG {name}\b", image, re.M), f"{block}: {name}"
    assert seen >= 3
