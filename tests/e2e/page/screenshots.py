"""Makes docs/images/playground-{desktop,phone,dark}.png. usage: [BUILD_DIR=build] python3 -B tests/e2e/page/screenshots.py

Needs what the tests of the page need. The pictures are as small as they can be without a difference that one sees.
"""

import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from browser import Page, browser  # noqa: E402
from PIL import Image  # noqa: E402
from service import Service  # noqa: E402

FOLDER = Path(__file__).parents[3] / "docs/images"
MOST_BYTES = 150 * 1024
COLOURS = 256
PLOT = """import numpy as np
import pandas as pd
import matplotlib.pyplot as plt

days = pd.date_range("2026-01-01", periods=180)
walk = np.random.default_rng(4).normal(0.4, 3, (180, 3))
prices = pd.DataFrame(100 + walk.cumsum(axis=0), days)
prices.columns = ["tea", "coffee", "cocoa"]

prices.plot(figsize=(7.4, 3), grid=True)
plt.title("Prices of the year so far")
print(len(prices), "days, until", days[-1].strftime("%d %B"))

months = prices.resample("MS").mean().round(1)
months.index = months.index.strftime("%B")
months
"""
CELLS = [
    'import pandas as pd\nsales = pd.DataFrame({"month": ["May", "June"], "price": [2.5, 4.0]})',
    'sales["tax"] = sales.price * 0.2\nsales',
    'sales["price"] = 0\nsales.price.mean()',
]
ATTACK = "02_socket"


def save(page, name):
    """Writes what the tab shows. Fails if it is too large for a document."""
    page.js("document.activeElement.blur(); document.getAnimations().forEach((one) => one.finish())")
    picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    file = FOLDER / f"playground-{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file}: {picture.width} x {picture.height}, {size // 1024} KiB")
    assert size <= MOST_BYTES


def resize(page, width, height, scale):
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600})


def desktop(page):
    resize(page, 1280, 860, 1)
    page.run(PLOT, "code")
    page.wait("document.querySelector('img.picture')?.naturalWidth > 100")
    save(page, "desktop")


def phone(page):
    resize(page, 390, 844, 2)
    page.choose(ATTACK)
    page.run()
    page.js("document.getElementById('run').scrollIntoView({block: 'start'})")
    save(page, "phone")


def dark(page):
    resize(page, 1280, 860, 1)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    for code in CELLS:
        page.run(code, "session")
    page.click("#undo")
    page.js("document.getElementById('cells').scrollTop = 0")
    save(page, "dark")
    page.click("#session-end")


def main():
    FOLDER.mkdir(exist_ok=True)
    with Service(pool=2) as service, browser() as driver:
        for picture in (desktop, phone, dark):
            picture(Page(driver, service))


if __name__ == "__main__":
    main()
