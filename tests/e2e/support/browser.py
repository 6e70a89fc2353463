"""The playground in a headless Chromium."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed")
from selenium.webdriver.chrome.options import Options  # noqa: E402
from selenium.webdriver.chrome.service import Service as Driver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402, F401

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
# How long the page may take for anything before a test gives it up.
PATIENCE_SECONDS = 60
DESKTOP, PHONE = (1440, 900), (375, 812)
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking"]
# Refused requests are part of what is tested; the console tells of each.
EXPECTED = "Failed to load resource: the server responded with a status of 4"


@contextmanager
def browser():
    """Yields a driver. Chromium's own sandbox wants what root in a container does not have: the pages are our own."""
    if not os.path.exists(CHROMIUM) or not os.path.exists(DRIVER):
        pytest.skip("chromium and chromium-driver are not installed")
    options = Options()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Driver(DRIVER), options=options)
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """A tab with the playground of a service. Every test begins with a new one, and nothing is kept from the one before."""

    def __init__(self, driver, service, path="/"):
        self.driver, self.service = driver, service
        self.origin = f"http://{service.host}:{service.port}"
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]})
        driver.execute_cdp_cmd("Browser.grantPermissions", {"origin": self.origin, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.origin, "storageTypes": "all"})
        driver.get("about:blank")
        for kind in ("browser", "performance"):
            driver.get_log(kind)
        self.resize(*DESKTOP)
        if path == "/":  # from a document that loads faster than the page
            driver.get(self.origin + "/healthz")
            self.js("sessionStorage.clear()")
        self.open(path)

    def open(self, path="/"):
        """Loads a page. One that differs in the fragment only is loaded too."""
        self.driver.get("about:blank")
        self.driver.get(path if "://" in path else self.origin + path)
        self.wait("document.body.dataset.ready")

    def resize(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition, *arguments):
        """Polls until an expression of JavaScript holds. Returns its value."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (value := self.js(f"return {condition}", *arguments)):
            assert time.monotonic() < deadline, f"not reached: {condition}; the page says: {self.text('main')[-2000:]}"
            time.sleep(0.02)
        return value

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """All text of the elements, whether it is in view or not."""
        return self.js("return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent).join('\\n')", selector)

    def click(self, selector):
        self.find(selector).click()

    def fill(self, selector, text):
        field = self.find(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)

    # The parts of the page

    @property
    def code(self):
        return self.js("return document.querySelector('.CodeMirror').CodeMirror.getValue()")

    @code.setter
    def code(self, code):
        self.js("document.querySelector('.CodeMirror').CodeMirror.setValue(arguments[0])", code)

    @property
    def mode(self):
        return self.js("return document.querySelector('input[name=mode]:checked').value")

    @mode.setter
    def mode(self, mode):
        self.js("document.querySelector(`input[name=mode][value=${arguments[0]}]`).click()", mode)

    @property
    def status(self):
        return self.text("#status")

    @property
    def runs(self):
        """How many runs have ended."""
        return self.js("return Number(document.body.dataset.ran ?? 0)")

    def start(self, code=None, mode=None):
        """Begins a run, and waits until the page says so."""
        if mode is not None:
            self.mode = mode
        if code is not None:
            self.code = code
        before = self.runs
        self.click("#run")
        return before

    def ended(self, before):
        self.wait("Number(document.body.dataset.ran ?? 0) > arguments[0]", before)
        return self.status

    def run(self, code=None, mode=None):
        """Runs to the end. Returns what the page says then."""
        return self.ended(self.start(code, mode))

    @property
    def result(self):
        return self.text(".run:last-child .after section pre.value")

    @property
    def printed(self):
        return self.text(".run:last-child pre.printed")

    def choose(self, name):
        self.click("#gallery-open")
        self.wait("document.querySelector(`[data-name='${arguments[0]}']`)", name)
        self.click(f"[data-name='{name}']")

    def copied(self, kind):
        """What the button of that name puts into the clipboard."""
        self.js("document.getElementById('said').textContent = ''")
        self.click(f"[data-copy={kind}]")
        said = self.wait("document.getElementById('said').textContent")
        assert "opied" in said and "Not" not in said, said
        return self.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))")

    # What a browser notes

    def refusals(self):
        """Lines of the console that are no part of a test: breaches of the policy, and errors of the page."""
        return [line for line in self.driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING") and EXPECTED not in line["message"]]

    def requested(self):
        """The addresses that were asked for."""
        messages = [json.loads(line["message"])["message"] for line in self.driver.get_log("performance")]
        return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
