import pytest

from api_keys import KEY, line
from browser import Page, browser
from service import TIMEOUT_MS, Service


@pytest.fixture(scope="session")
def driver():
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def service():
    with Service(timeout_ms=2 * TIMEOUT_MS, pool=4) as running:
        yield running


@pytest.fixture
def keyed(start, keys):
    """A service that wants a key."""
    keys.write_text(line("one", KEY))
    return start(keys_file=keys, pool=1)


@pytest.fixture
def open_page(driver):
    """Opens the playground of a service. In the end its console has no refusals, and it has asked nobody else."""
    opened = []

    def open_one(service, path="/"):
        opened.append(Page(driver, service, path))
        return opened[-1]

    yield open_one
    for page in opened:
        assert page.refusals() == []
        assert [url for url in page.requested() if not url.startswith((page.origin, "about:", "data:", "blob:"))] == []
    driver.get("about:blank")


@pytest.fixture
def page(open_page, service):
    return open_page(service)
