"""The playground: keys, links, copied commands, and who can use it: with a keyboard, a screen reader, a phone, in the dark."""

import json
import os
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from api_keys import KEY
from browser import PHONE, Keys
from service import BUILD

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
COPIED_SECONDS = 60
SCRIPT = "def main(a, b=1):\n    print('é \"\"\" ${x} `y` \\\\n $HOME')\n    return [a, b, open('in.txt').read()]\n"


def jobs(service):
    rows = service.request("GET", "/metrics").raw.decode().splitlines()
    return sum(float(row.split()[-1]) for row in rows if row.startswith("pyexec_jobs_total{"))


# Keys

def test_a_service_with_keys_asks_for_one_and_the_page_keeps_it_to_itself(open_page, keyed):
    page = open_page(keyed)
    assert page.run("def main(): return 42", "script") == "Failed: unauthorized"
    page.wait("document.getElementById('key-dialog').open")
    assert "wants an API key" in page.text("#key-why")
    assert page.js("return document.activeElement.id") == "key"
    page.find("#key").send_keys("ключ", Keys.ENTER)
    page.wait("document.getElementById('key-why').textContent.includes('ASCII')")
    page.find("#key").send_keys("wrong", Keys.ENTER)
    page.wait("!document.getElementById('key-dialog').open")
    assert page.run() == "Failed: unauthorized"
    page.find("#key").send_keys(KEY, Keys.ENTER)
    page.wait("!document.getElementById('key-dialog').open")
    assert page.run().startswith("Done") and page.result == "42"
    for kind in ("link", "curl", "python", "javascript"):
        assert KEY not in page.copied(kind)
    assert "$PYEXEC_KEY" in page.copied("curl")
    kept = page.js("return [JSON.stringify(localStorage), document.cookie, location.href, document.documentElement.outerHTML]")
    assert not any(KEY in one for one in kept)
    assert not any(KEY in url for url in page.requested())
    page.driver.refresh()
    page.wait("document.body.dataset.ready")
    assert page.run("def main(): return 43").startswith("Done")
    page.click("#key-open")
    page.click("#key-forget")
    assert page.run() == "Failed: unauthorized"
    assert KEY not in page.js("return JSON.stringify(sessionStorage)")


def test_the_dialog_can_be_left_without_a_key(open_page, keyed):
    page = open_page(keyed)
    page.run("def main(): return 1", "script")
    page.find("#key").send_keys("typed", Keys.ESCAPE)
    page.wait("!document.getElementById('key-dialog').open")
    assert page.js("return sessionStorage.length") == 0
    assert page.text("#key-open") == "API key"


# Links

def test_a_link_carries_the_code_and_runs_nothing(page):
    code = "def main(n):\n    return 'é ☃ 🎈' * n\n"
    page.mode, page.code = "script", code
    page.fill("#args", "[2]")
    link = page.copied("link")
    assert re.fullmatch(r"http://[^#]+/#job=[\w-]+", link)
    before = jobs(page.service)
    page.open(link)
    assert (page.code, page.mode, page.js("return document.getElementById('args').value")) == (code, "script", "[2]")
    assert "Read it before you run it" in page.text("#said")
    assert page.runs == 0 and jobs(page.service) == before
    page.run()
    assert page.result == json.dumps("é ☃ 🎈" * 2, ensure_ascii=False)
    page.mode, page.code = "session", "x = 1"
    page.open(page.copied("link"))
    assert (page.mode, page.code) == ("session", "x = 1")


def test_a_link_is_taken_while_the_page_is_open(page):
    page.mode, page.code = "code", "6 * 7"
    link = page.copied("link")
    page.open()
    page.js("location.href = arguments[0]", link)
    page.wait("document.querySelector('.CodeMirror').CodeMirror.getValue() === '6 * 7'")
    assert page.runs == 0


@pytest.mark.parametrize("fragment", ["job=", "job=AAAA", "job=%20", "job=" + "A" * 100_000, "text=e30", "text=W10", "text=bnVsbA",
                                      "text=eyJtb2RlIjoiZXZpbCIsImNvZGUiOiIxIn0"])
def test_a_link_that_cannot_be_read_is_told(page, fragment):
    page.open(f"/#{fragment}")
    assert "cannot be read" in page.text("#said")
    assert "def main" in page.code


def test_a_link_that_unpacks_to_gigabytes_is_refused(page):
    packed = page.driver.execute_async_script("""
        const stream = new Blob(Array(64).fill(new Uint8Array(1 << 20))).stream().pipeThrough(new CompressionStream('deflate-raw'));
        new Response(stream).arrayBuffer().then((packed) =>
          arguments[0](btoa(String.fromCharCode(...new Uint8Array(packed))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')));""")
    page.open(f"/#job={packed}")
    assert "cannot be read" in page.text("#said")


# Copied commands

def answers_of(page, command, *arguments, text=None, folder):
    environment = {**os.environ, "PYEXEC_KEY": "", "BUILD_DIR": str(BUILD)}
    done = subprocess.run([command, *map(str, arguments)], input=text, env=environment, cwd=folder, capture_output=True, text=True, timeout=COPIED_SECONDS)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture
def with_job(page, tmp_path):
    """A script with arguments and two files, in the form."""
    (tmp_path / "in.txt").write_text("l'été\n")
    (tmp_path / "in.bin").write_bytes(b"\xff\x00")
    page.mode, page.code = "script", SCRIPT
    page.find("#files").send_keys(f"{tmp_path / 'in.txt'}\n{tmp_path / 'in.bin'}")
    page.fill("#args", '{"a": [true, null, "\'", 1.0], "b": 2.5}')
    return page


RESULT = [[True, None, "'", 1.0], 2.5, "l'été\n"]
PRINTED = "é \"\"\" ${x} `y` \\n $HOME\n"


def test_the_copied_curl_does_what_run_does(with_job, tmp_path):
    answer = json.loads(answers_of(with_job, "bash", text=with_job.copied("curl"), folder=tmp_path))
    assert (answer["result"], answer["stdout"]) == (RESULT, PRINTED)
    with_job.run()
    assert json.loads(with_job.result) == RESULT and with_job.printed == PRINTED


def test_the_copied_python_does_too(with_job, tmp_path):
    (tmp_path / "pyexec.py").write_bytes((ROOT / "client/python/pyexec.py").read_bytes())
    (tmp_path / "copied.py").write_text(with_job.copied("python"))
    assert answers_of(with_job, "/usr/bin/python3", "-B", "copied.py", folder=tmp_path) == f"{PRINTED}{RESULT}\n"


def test_the_copied_javascript_does_too(with_job, tmp_path):
    (tmp_path / "pyexec.mjs").write_bytes((ROOT / "client/javascript/pyexec.mjs").read_bytes())
    (tmp_path / "copied.mjs").write_text(with_job.copied("javascript"))
    seen = answers_of(with_job, ROOT / "tests/e2e/client/node.sh", "node", "copied.mjs", folder=tmp_path)
    assert seen.startswith(PRINTED) and "l'été" in seen and "2.5" in seen


def test_a_page_without_the_clipboard_copies_too(page):
    page.js("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.code = "6 * 7"
    page.click("[data-copy=python]")
    assert page.wait("document.getElementById('said').textContent") == "Copied as Python."
    assert page.js("return document.activeElement.dataset.copy") == "python"


def test_what_cannot_be_copied_is_told(page):
    page.mode = "script"
    page.fill("#args", "[")
    page.click("[data-copy=curl]")
    page.wait("document.getElementById('said').textContent === 'Not copied: The arguments cannot be read.'")


def test_copies_of_a_session_run_its_cells(page, tmp_path):
    for code in ("x = 'a'", "x = 'undone'"):
        page.run(code, "session")
    page.click("#undo")
    page.code = "print('it\\'s')\nx + 'b'"
    answers = answers_of(page, "bash", text=page.copied("curl"), folder=tmp_path)
    assert '"result": "ab"' in answers and "undone" not in answers
    (tmp_path / "pyexec.py").write_bytes((ROOT / "client/python/pyexec.py").read_bytes())
    (tmp_path / "copied.py").write_text(page.copied("python"))
    assert answers_of(page, "/usr/bin/python3", "-B", "copied.py", folder=tmp_path) == "it's\nab\n"
    (tmp_path / "pyexec.mjs").write_bytes((ROOT / "client/javascript/pyexec.mjs").read_bytes())
    (tmp_path / "copied.mjs").write_text(page.copied("javascript"))
    assert answers_of(page, ROOT / "tests/e2e/client/node.sh", "node", "copied.mjs", folder=tmp_path) == "it's\nab\n"
    page.click("#session-end")
    page.service.wait_until(lambda: page.service.request("GET", "/sessions").body["sessions"] == [])


# Keyboard

def test_the_keyboard_is_enough(page):
    def focused():
        return page.js("const one = document.activeElement; return one.id || one.value || one.textContent || one.className")

    def press(*keys):
        page.driver.switch_to.active_element.send_keys(*keys)

    press(Keys.TAB)
    assert focused() == "Skip to the code"
    press(Keys.ENTER)
    assert focused() == "code-heading"
    press(Keys.TAB)
    assert focused() == "script"
    press(Keys.ARROW_RIGHT)
    assert page.mode == "code"
    press(Keys.TAB)
    in_editor = "document.querySelector('.CodeMirror').contains(document.activeElement)"
    assert page.js(f"return {in_editor}")
    page.code = ""
    press("if 1:", Keys.ENTER, "print('typed')", Keys.ENTER, Keys.TAB, "x = 1")
    assert page.code == "if 1:\n    print('typed')\n        x = 1"
    press(Keys.BACKSPACE * 13)
    press("6 * 7")
    assert page.code == "if 1:\n    print('typed')\n6 * 7"
    press(Keys.CONTROL, Keys.ENTER)
    page.wait("document.body.dataset.ran === '1'")
    assert (page.printed, page.result) == ("typed\n", "42")
    assert page.js(f"return {in_editor}")
    press(Keys.ESCAPE)
    press(Keys.TAB)
    assert focused() == "files-choose"
    press(Keys.SHIFT, Keys.TAB)
    assert page.js(f"return {in_editor}")
    press(Keys.ESCAPE)
    press(Keys.SHIFT, Keys.TAB)
    assert focused() == "code"
    order = ["files-choose", "More options", "run", "stop", "curl", "Python", "JavaScript", "Link"]
    press(Keys.TAB)
    press(Keys.ESCAPE)
    for name in order:
        press(Keys.TAB)
        assert focused().strip() == name


def test_the_gallery_is_used_by_keyboard(page):
    page.find("#gallery-open").send_keys(Keys.ENTER)
    page.wait("document.getElementById('gallery').open")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.wait("!document.getElementById('gallery').open")
    assert page.js("return document.activeElement.id") == "gallery-open"
    page.click("#attacks-open")
    page.wait("document.activeElement.dataset.name === '01_shadow'")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert "shadow" in page.code
    assert page.js("return document.activeElement.id") == "run"


def test_what_happens_is_told_to_screen_readers(page):
    assert page.js("return [...document.querySelectorAll('[role=status]')].map((one) => one.id).sort()") == ["said", "status"]
    page.run("def main(): return 1")
    assert page.js("return document.getElementById('run').getAttribute('aria-disabled')") == "false"
    assert page.js("return document.activeElement.id") == "run"
    label = page.js("return document.querySelector('.CodeMirror [contenteditable]').getAttribute('aria-label')")
    assert "Escape" in label


# Colours, sizes, and the rules of accessibility

@pytest.fixture(scope="module")
def axe():
    done = subprocess.run([HERE / "axe.sh"], env={**os.environ, "BUILD_DIR": str(BUILD)}, capture_output=True, text=True, timeout=COPIED_SECONDS)
    assert done.returncode == 0, done
    return Path(done.stdout.strip()).read_text()


def breaches(page, axe):
    page.js("document.getAnimations().forEach((one) => one.finish())")
    page.driver.execute_script(axe)
    found = page.driver.execute_async_script("""
        axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], iframes: false})
          .then(({violations}) => arguments[0](violations.map(({id, nodes}) => [id, nodes.map((one) => one.html.slice(0, 200) + one.failureSummary)])), arguments[0]);""")
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_rules_of_accessibility_hold(page, axe, theme):
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
    assert breaches(page, axe) == []
    page.run("import sys, pandas as pd\nprint('out')\nprint('err', file=sys.stderr)\ndisplay(pd.DataFrame({'a': [1]}))\n[{'a': 1}]", "code")
    assert breaches(page, axe) == []
    page.run("1 / 0", "session")
    page.run("x = 1")
    page.click("#undo")
    assert breaches(page, axe) == []
    page.click("#session-end")
    page.mode = "script"
    page.click("summary")
    page.fill("#args", "[")
    page.click("#run")
    assert breaches(page, axe) == []
    page.click("#gallery-open")
    assert breaches(page, axe) == []
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.click("#key-open")
    assert breaches(page, axe) == []


def background(page):
    return page.js("return getComputedStyle(document.body).backgroundColor")


def test_it_is_dark_where_the_system_is_or_where_one_says_so(page):
    light = background(page)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    dark = background(page)
    assert dark != light
    page.click("#theme")
    assert (page.text("#theme"), background(page)) == ("Theme: light", light)
    page.open()
    assert (page.text("#theme"), background(page)) == ("Theme: light", light)
    page.click("#theme")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]})
    assert (page.text("#theme"), background(page)) == ("Theme: dark", dark)


def test_a_phone_scrolls_in_one_direction(page):
    page.resize(*PHONE)
    wide = "import pandas as pd\nprint('x' * 5000)\ndisplay(pd.DataFrame([range(60)]))\n[dict.fromkeys(map(str, range(40)), 'wide ' * 5)]"
    for run in (lambda: None, lambda: page.run(wide, "code"), lambda: page.run("'y' * 3000", "session"), lambda: page.click("#gallery-open")):
        run()
        assert page.js("return document.documentElement.scrollWidth") == PHONE[0]
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    for button in page.all("main .actions button"):
        assert button.rect["x"] >= 0 and button.rect["x"] + button.rect["width"] <= PHONE[0]
    page.click("#session-end")


def test_on_a_phone_the_output_of_a_run_comes_into_view(page):
    page.resize(*PHONE)
    page.run("def main(): return 1", "script")
    top = page.js("return document.querySelector('#single .run').getBoundingClientRect().top")
    assert 0 < top < PHONE[1]


def test_nothing_moves_for_those_who_do_not_want_it(page):
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    before = page.start("def main():\n    while True: pass", "script")
    assert page.js("return document.getAnimations().length") == 0
    page.click("#stop")
    page.ended(before)


# Where it is served

def test_it_can_be_mounted_under_a_path(open_page, service):
    class Proxy(BaseHTTPRequestHandler):
        def forward(self):
            prefix = "/under/it"
            if not self.path.startswith(prefix + "/"):
                return self.send_error(404)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "accept-encoding")}
            connection = service.connect()
            connection.request(self.command, self.path[len(prefix):], body, headers)
            answer = connection.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Security-Policy", "Pyexec-Outcome"):
                if answer.headers[name]:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = forward

        def log_message(self, *_):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        mounted = open_page(SimpleNamespace(host="127.0.0.1", port=proxy.server_address[1]), "/under/it/")
        mounted.run("def main(): return 42", "script")
        assert mounted.result == "42"
        assert f"{mounted.origin}/under/it/execute" in mounted.copied("curl")
        mounted.choose("02_plot")
        mounted.run()
        mounted.wait("document.querySelector('img.picture')?.naturalWidth > 100")
    finally:
        proxy.shutdown()
        proxy.server_close()


def test_it_can_be_left_out(start):
    service = start(playground=0, pool=1)
    assert b"<script" not in service.request("GET", "/").raw
    assert service.request("GET", "/playground/app.mjs").status == 404


def test_the_plain_page_is_a_link_away(page):
    assert page.find("nav a").get_attribute("href") == f"{page.origin}/about"
    assert page.service.request("GET", "/about").status == 200
