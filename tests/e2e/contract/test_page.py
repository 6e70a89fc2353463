"""The page for people: its tables, its commands, and the address that it shows."""

import json
import re
import socket
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from need import need

ROOT = Path(__file__).parents[3]


class Text(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.text, self.blocks, self.links, self.open = "", [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta",):
            self.open.append(tag)
        assert tag not in ("script", "img", "iframe") and not any(name.startswith("on") for name, _ in attributes)
        self.links += [value for name, value in attributes if name == "href"]
        if tag == "pre":
            self.blocks.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if "pre" in self.open:
            self.blocks[-1] += data


@pytest.fixture(scope="module")
def page(service):
    answer = service.request("GET", "/about")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    return answer.raw.decode()


def test_the_page_has_every_field_and_outcome(page, document):
    text = Text(page).text
    for name, schema in document["components"]["schemas"]["BatchDefaults"]["properties"].items():
        assert name in text and schema["description"].replace("`", "") in text
    for row in document["x-pyexec-outcomes"]:
        assert row["name"] in text and row["when"].replace("`", "") in text
    for row in document["x-pyexec-events"]:
        assert row["when"].replace("`", "") in text


def test_the_packages_on_the_page_are_installed(page):
    """Named in packages.txt, or needed by one that is."""
    named = re.findall(r'<td class="minor">(python3-\w+)</td>', page)
    listed = (ROOT / "python_env/packages/packages.txt").read_text().partition("[build]")[0].splitlines()
    assert set(named) - set(listed) == {"python3-pil", "python3-dateutil"}
    assert {line for line in listed if line.startswith("python3-")} - set(named) == {"python3-munkres"}


def test_the_page_is_whole_and_escapes_what_is_text(page, service):
    parsed = Text(page)
    assert parsed.open == [] and "`" not in parsed.text
    without_style = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    bare = re.sub(r"<[^<>]*>", "", without_style)
    assert not re.search(r"[<>]|&(?!(amp|lt|gt|quot|#39|#x27);)", bare)
    for link in parsed.links:
        assert service.request("GET", link).status == 200


@need("curl")
def test_the_commands_of_the_page_work_as_typed(page, service):
    blocks = Text(page).blocks
    outputs = [run(block, service) for block in blocks if block.startswith("curl")]
    assert len(outputs) == 4
    assert outputs[0] == blocks[1]
    assert "event: end\n" in outputs[1] and '"outcome": "ok"' in outputs[1]
    assert sorted(json.loads(line)["result"] for line in outputs[2].splitlines()) == [9, 16]
    assert service.request("DELETE", "/sessions/" + json.loads(outputs[3])["session"]).status == 204


def run(command, service):
    assert f" http://{service.host}:{service.port}/" in command  # the address that the page was asked for at
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_page_shows_the_address_that_it_was_reached_at(service):
    shown = {
        ("pyexec.example", None): "http://pyexec.example",
        ("pyexec.example:8443", "https"): "https://pyexec.example:8443",
        ("[::1]:80", "gopher"): "http://[::1]:80",
    }
    for (host, scheme), address in shown.items():
        headers = {"Host": host, **({"X-Forwarded-Proto": scheme} if scheme else {})}
        answer = service.request("GET", "/about", headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert addresses_in(answer.raw.decode()) == [address] * 4


HOSTILE = ["'onload=alert(1);'", "$(id)", "a;id", "a&amp;b", "%3Cscript%3E", "a" * 4000, "a:99999", ""]
NOT_HTTP = ["user@host", "@version@", '"><script>alert(1)</script>', "two words", "caf\u00e9.example", "a/b", "a?b", "a#b"]


@pytest.mark.parametrize("host", HOSTILE)
def test_a_hostile_host_is_not_on_the_page(service, host):
    page = service.request("GET", "/about", headers={"Host": host}).raw.decode()
    assert addresses_in(page) == [f"http://localhost:{service.port}"] * 4
    assert not host or host not in page


@pytest.mark.parametrize("host", NOT_HTTP)
def test_a_host_that_http_does_not_allow_is_refused(service, host):
    connection = service.connect()
    connection.request("GET", "/about", headers={"Host": host.encode()})
    answer = connection.getresponse()
    assert answer.status == 400 and host.encode() not in answer.read()
    connection.close()


@pytest.mark.parametrize("scheme", ["HTTPS", "https, http", "javascript", '"><script>alert(1)</script>'])
def test_a_hostile_scheme_is_not_on_the_page(service, scheme):
    page = service.request("GET", "/about", headers={"Host": "a.example", "X-Forwarded-Proto": scheme}).raw.decode()
    assert addresses_in(page) == ["http://a.example"] * 4


def test_without_a_host_the_page_names_the_port(service):
    with socket.create_connection((service.host, service.port)) as connection:
        connection.sendall(b"GET /about HTTP/1.0\r\n\r\n")
        page = connection.makefile("rb").read().decode()
    assert addresses_in(page) == [f"http://localhost:{service.port}"] * 4


def addresses_in(page):
    """Where the commands of the page send their requests."""
    return [re.match(r"curl -sN? (?:-X POST )?(\S+)/(?:execute|sessions)", block)[1] for block in Text(page).blocks if block.startswith("curl")]
