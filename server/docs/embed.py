"""Makes a C++ header of openapi.yaml and about.html. usage: embed.py OPENAPI_YAML ABOUT_HTML HEADER

The header has two texts with blanks (server/base/fill.h): the OpenAPI document as JSON, and the page, whose tables are
made from the document. Fails on a key that is given twice and on a table that does not exist.
"""

import json
import re
import sys
from html import escape

import yaml

MERGE = "tag:yaml.org,2002:merge"
HEADER = """// Generated from server/docs/.
#pragma once

#include <string_view>

namespace pyexec::documents {

inline constexpr std::string_view kOpenapi = R"__PYEXEC__(%s)__PYEXEC__";

inline constexpr std::string_view kPage = R"__PYEXEC__(%s)__PYEXEC__";

}  // namespace pyexec::documents
"""


class Loader(yaml.SafeLoader):
    """Members keep their order, those of "<<" too. A name that is there twice is an error."""

    def construct_members(self, node):
        members = {}
        for key_node, value_node in node.value:
            value = self.construct_object(value_node, deep=True)
            if key_node.tag == MERGE:
                added = [pair for part in (value if isinstance(value, list) else [value]) for pair in part.items()]
            else:
                added = [(self.construct_object(key_node), value)]
            for key, one in added:
                if key in members:
                    raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
                members[key] = one
        return members


Loader.add_constructor("tag:yaml.org,2002:map", Loader.construct_members)


def json_text(document):
    """A value that is one blank is a number or a text with its quotes: the blank is filled with JSON."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return re.sub(r'"(@[a-z_]+@)"', r"\1", text) + "\n"


def html(text):
    """Markdown with nothing but code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


def table(columns, rows):
    """The first cell of a row names it; the second matters less."""
    lines = ["<table>", "<thead><tr>" + "".join(f'<th scope="col">{html(column)}</th>' for column in columns) + "</tr></thead>", "<tbody>"]
    for name, minor, text in rows:
        lines.append(f'<tr><th scope="row">{html(f"`{name}`")}</th><td class="minor">{html(minor)}</td><td>{html(text)}</td></tr>')
    return "\n".join([*lines, "</tbody>", "</table>"])


def fields(document):
    schemas = document["components"]["schemas"]
    of_sessions = {"at": schemas["Cell"]["properties"]["at"], "idle_s": schemas["SessionRequest"]["properties"]["idle_s"]}
    for name, field in {**schemas["Job"]["properties"], **schemas["BatchDefaults"]["properties"], **of_sessions}.items():
        limit = field.get("maximum")
        here = f" The limit is {limit}." if isinstance(limit, str) else ""
        yield name, field["x-pyexec-values"], field["description"] + here


def outcomes(document):
    for row in document["x-pyexec-outcomes"]:
        yield row["name"], ", ".join(map(str, row["statuses"])), row["when"]


def events(document):
    for row in document["x-pyexec-events"]:
        yield row["name"], row["when"], ", ".join(f"`{member}`" for member in row["members"])


def links(document):
    gets = [(path, item["get"]["summary"]) for path, item in document["paths"].items() if "get" in item and path != "/" and "{" not in path and "service" in item["get"]["tags"]]
    return "\n".join(["<ul>", *(f'<li><a href="{escape(path)}">{escape(path)}</a>: {html(text)}</li>' for path, text in gets), "</ul>"])


def page(document, source):
    parts = {
        "fields": table(("field", "value", "what it does"), fields(document)),
        "outcomes": table(("outcome", "status", "when"), outcomes(document)),
        "events": table(("event", "when", "members"), events(document)),
        "links": links(document),
    }
    return re.sub(r"<!-- (\w+) -->", lambda found: parts[found[1]], source)


def main():
    yaml_file, html_file, header = sys.argv[1:]
    with open(yaml_file, encoding="utf-8") as file:
        document = yaml.load(file, Loader)
    with open(html_file, encoding="utf-8") as file:
        source = file.read()
    text = HEADER % (json_text(document), page(document, source))
    with open(header, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
