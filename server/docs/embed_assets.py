"""Makes a C++ header of the files that the service serves as they are. usage: embed_assets.py HEADER FILE...

The files are those of the client, of the playground, and of CodeMirror. The header has a table with a row for each:
its path, its media type, its entity tag, its bytes. The scripts of the gallery become one file, gallery.json.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
}
GALLERY = ("examples", "attacks")
HEADER = """// Generated from server/docs/ and client/.
#pragma once

#include "server/api/asset.h"

namespace pyexec::documents {

using namespace std::string_view_literals;

inline constexpr Asset kAssets[] = {
%s};

}  // namespace pyexec::documents
"""
# Compilers take literals of 64 KiB for certain; neighbours are one literal.
PIECE_BYTES = 60000


def literal(text):
    pieces = [text[start : start + PIECE_BYTES // 4] for start in range(0, len(text), PIECE_BYTES // 4)] or [""]
    return "\n".join(f'R"__PYEXEC__({piece})__PYEXEC__"' for piece in pieces) + "sv"


def entry(path):
    """Returns a script of the gallery. Its first lines are comments: a title, then `key: JSON` for each further member.

    Raises ValueError if there is no title.
    """
    source = path.read_text(encoding="utf-8")
    title, *lines = source.splitlines()
    if not title.startswith("# "):
        raise ValueError(f"{path}: the first line is not a comment with the title")
    made = {"name": path.stem, "title": title[2:]}
    while lines and (found := re.fullmatch(r"# (\w+): (.*)", lines[0])):
        made[found[1]] = json.loads(found[2])
        lines.pop(0)
    text = "\n".join(lines).strip("\n") + "\n"
    return {**made, "script" if re.search(r"^(async )?def main\(", text, re.M) else "code": text}


def gallery(files):
    parts = {part: [entry(path) for path in sorted(files) if path.parent.name == part] for part in GALLERY}
    return json.dumps(parts, ensure_ascii=False)


def assets(files):
    """Yields a served path and its text for each."""
    scripts = [path for path in files if path.parent.name in GALLERY]
    for path in files:
        if path not in scripts:
            yield ("client/" if path.name.startswith("pyexec.") else "playground/") + path.name, path.read_text(encoding="utf-8")
    yield "playground/gallery.json", gallery(scripts)


def row(path, text):
    tag = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f'    {{"{path}", "{MEDIA_TYPES[Path(path).suffix]}", "\\"{tag}\\"",\n{literal(text)}}},\n'


def main():
    header, *names = sys.argv[1:]
    rows = dict(assets([Path(name) for name in names]))
    if len(rows) != len({Path(name) for name in names if Path(name).parent.name not in GALLERY}) + 1:
        sys.exit("embed_assets.py: two files have one name")
    text = HEADER % "".join(row(path, text) for path, text in sorted(rows.items()))
    Path(header).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
