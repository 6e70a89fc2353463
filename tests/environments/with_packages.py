#!/usr/bin/env python3
"""Makes the folder of an image with packages of its own, by the line of docs/packages.md. usage: with_packages.py IMAGE FOLDER

The package is a wheel that is made here: `greet`, version 1.2.
"""

import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHEEL = "greet-1.2-py3-none-any.whl"
INFO = "greet-1.2.dist-info"
FILES = {
    "greet.py": "HELLO = 'hello'\n",
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1.2\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def main():
    image, folder = sys.argv[1], Path(sys.argv[2])
    (line,) = re.findall(r"^RUN (apt-get .* pip install --target /usr/local/packages) ", (ROOT / "docs/packages.md").read_text(), re.M)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
        wheel.writestr(f"{INFO}/RECORD", "".join(f"{name},,\n" for name in (*FILES, f"{INFO}/RECORD")))
    (folder / "Dockerfile").write_text(
        f"FROM {image}\nCOPY {WHEEL} /tmp/\nRUN {line} /tmp/{WHEEL}\nENV PYEXEC_PACKAGES_DIR=/usr/local/packages PYEXEC_PREIMPORT=greet\n")


if __name__ == "__main__":
    main()
