"""cloudrun/README.md: its links lead somewhere, its table of files is all files, its flags are those of the scripts."""

import re

from conftest import CLOUDRUN, ROOT

TEXT = (CLOUDRUN / "README.md").read_text()
HEADINGS = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)}


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert links
    for link in links:
        file, _, heading = link.partition("#")
        assert not file or (CLOUDRUN / file).exists(), link
        assert not heading or file or heading in HEADINGS, link


def test_every_file_is_told_of():
    for file in CLOUDRUN.iterdir():
        assert file.name == "README.md" or file.name in TEXT, file.name


def test_named_files_exist():
    for name in re.findall(r"`((?:cloudrun|tests|python_env)/[\w/.-]+)", TEXT):
        assert (ROOT / name).exists(), name


def test_flags_are_those_of_the_scripts():
    usage = (CLOUDRUN / "deploy.sh").read_text()
    for line in re.findall(r"cloudrun/deploy\.sh([^\n#]*)", TEXT):
        for flag in re.findall(r"--[\w-]+", line):
            assert flag in usage, flag


def test_build_arguments_are_those_of_the_image():
    arguments = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^\| `(\w+)=", TEXT, re.MULTILINE)) == arguments
