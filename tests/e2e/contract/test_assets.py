"""The files that the service serves as they are: the clients, the playground, the editor."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = {"pyexec.py": "client/python/pyexec.py", "pyexec.mjs": "client/javascript/pyexec.mjs"}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_clients_are_served_as_they_are(service, name):
    answer = service.request("GET", f"/client/{name}")
    assert (answer.status, answer.raw) == (200, (ROOT / CLIENTS[name]).read_bytes())
    assert answer.headers["Content-Type"].startswith("text/x-python" if name.endswith("py") else "text/javascript")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_client_that_has_the_file_is_told_so(service):
    first = service.request("GET", "/client/pyexec.py")
    for tag in (first.headers["ETag"], f'"x", {first.headers["ETag"]}', "*", f'W/{first.headers["ETag"]}'):
        again = service.request("GET", "/client/pyexec.py", headers={"If-None-Match": tag})
        assert (again.status, again.raw, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert service.request("GET", "/client/pyexec.py", headers={"If-None-Match": '"other"'}).status == 200
    head = service.request("HEAD", "/client/pyexec.py")
    assert (head.status, head.raw, head.headers["Content-Length"]) == (200, b"", str(len(first.raw)))


@pytest.mark.parametrize("path", ["/client/", "/client/x", "/client/../server", "/playground/", "/playground/x", "/playground/pyexec.py",
                                  "/client/codemirror.js", "/playground/examples/01_hello.py", "/client/pyexec.py/x"])
def test_there_are_no_other_files(service, path):
    assert service.request("GET", path).status == 404


def test_everything_that_the_page_names_is_there(service):
    page = service.request("GET", "/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    names = set(re.findall(r'(?:src|href)="\./([^"#]+)"', page.raw.decode()))
    assert len(names) > 8
    todo, done = [f"/{name}" for name in names], set()
    while todo:
        path = todo.pop()
        if path in done:
            continue
        done.add(path)
        answer = service.request("GET", path)
        assert answer.status == 200, path
        if path.endswith(".mjs"):
            found = re.findall(r"""^(?:import|export|\}).*?['"](\.[^'"]+)['"];?$""", answer.raw.decode(), re.M)
            todo += [str(Path(path).parent / name) for name in found if not name.startswith("..")]
            todo += ["/" + name[3:] for name in found if name.startswith("../")]
    assert "/client/pyexec.mjs" in done


def test_the_policy_of_the_page(service):
    policy = service.request("GET", "/").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_the_gallery_has_every_script(service):
    gallery = json.loads(service.request("GET", "/playground/gallery.json").raw)
    for part in ("examples", "attacks"):
        files = sorted(path.stem for path in (ROOT / "server/docs/playground" / part).glob("*.py"))
        assert [entry["name"] for entry in gallery[part]] == files and len(files) > 5
        for entry in gallery[part]:
            assert entry["title"] and ("script" in entry) != ("code" in entry)
            ast.parse(entry.get("script") or entry["code"])


def test_without_the_playground_there_is_the_page_about_the_service(start):
    service = start(pool=1, playground=0)
    assert b"<script" not in service.request("GET", "/").raw and b"Fields of a request" in service.request("GET", "/").raw
    assert service.request("GET", "/playground/app.css").status == 404
    assert service.request("GET", "/client/pyexec.mjs").status == 200
    assert b"Fields of a request" in service.request("GET", "/about").raw


def test_they_need_no_key(start, keys):
    service = start(pool=1, keys_file=keys)
    for path in ("/", "/about", "/client/pyexec.py", "/playground/app.mjs"):
        assert service.request("GET", path).status == 200
    assert service.request("GET", "/packages").status == 401
