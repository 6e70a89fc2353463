"""cloudrun/README.md: its table of files is all files, its flags are those of the scripts. Tables of measured figures are those
that the commands beside them print."""

import re
import shlex
import subprocess
import sys

from conftest import CLOUDRUN, ROOT

TEXT = (CLOUDRUN / "README.md").read_text()


def test_every_file_is_told_of():
    for file in CLOUDRUN.iterdir():
        assert file.name == "README.md" or file.name in TEXT, file.name


def test_flags_are_those_of_the_scripts():
    usage = (CLOUDRUN / "deploy.sh").read_text()
    for line in re.findall(r"cloudrun/deploy\.sh([^\n#]*)", TEXT):
        for flag in re.findall(r"--[\w-]+", line):
            assert flag in usage, flag


def test_build_arguments_are_those_of_the_image():
    arguments = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`(\w+)=[^`]*`(?=[^|]*\|[^|]*\|$)", TEXT, re.MULTILINE)) == arguments


def printed(command):
    program, *arguments = shlex.split(command)
    done = subprocess.run([sys.executable, "-B", ROOT / program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_capacity_is_what_its_command_prints():
    page = (CLOUDRUN / "CAPACITY.md").read_text()
    (command,) = re.findall(r"^tests/load/capacity\.py (?:.*\\\n)*.*$", page, re.MULTILINE)
    _, _, figures = printed(command.replace("\\\n", " ")).partition("\n")
    assert figures.strip().count("\n") > 8 and figures.strip() in page


def test_figures_under_load_are_those_of_the_run_on_record():
    table = printed("tests/load/load.py --table tests/load/results/load.json")
    page = " ".join((ROOT / "docs/performance.md").read_text().split())
    assert table.strip().count("\n") > 8 and " ".join(table.split()) in page
