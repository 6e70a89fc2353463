"""Reads the project's documents: fenced blocks, headings, links, tables."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tracked_files():
    """Paths relative to ROOT, in a copy without git as well."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
    return [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file() and not path.relative_to(ROOT).parts[0].startswith(("build", "."))]


FILES = tracked_files()
DOCUMENTS = sorted(path for path in FILES if path.suffix == ".md")


@dataclass
class Block:
    """A fenced block. Info words after the language: a file name (the text is that file), `answer` (what the block before
    prints), `unordered` (of an answer: its lines may come in any order), `keys` (needs a service with API keys), `tools` (needs
    a service whose scripts of `tools/` are endpoints)."""

    document: Path
    line: int
    language: str
    words: list
    text: str

    def __str__(self):
        return f"{self.document}:{self.line}"

    @property
    def file_name(self):
        return next((word for word in self.words if "." in word), None)


def blocks_of(document):
    found, opened = [], None
    for number, line in enumerate((ROOT / document).read_text().splitlines(), 1):
        fence = re.match(r"^```(.*)$", line)
        if fence and opened is None:
            language, *words = fence[1].split() or [""]
            opened = Block(document, number, language, words, "")
        elif fence:
            found.append(opened)
            opened = None
        elif opened is not None:
            opened.text += line + "\n"
    assert opened is None, f"{opened} is not closed"
    return found


def prose_of(document):
    """The text without fenced blocks."""
    return re.sub(r"^```.*?^```$", "", (ROOT / document).read_text(), flags=re.M | re.S)


def anchors_of(document):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", prose_of(document), re.M)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


def table_of(document, heading):
    """The rows below the header whose first column has this heading."""
    lines = (ROOT / document).read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return table
