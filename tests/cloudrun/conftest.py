import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e/support"))
sys.dont_write_bytecode = True

from service import BUILD, Service  # noqa: E402, F401

ROOT = Path(__file__).parents[2]
CLOUDRUN = ROOT / "cloudrun"
TIMEOUT_MS = 3000
ENVIRONMENT = os.environ | {"BUILD_DIR": str(BUILD)}


@pytest.fixture(scope="session")
def service():
    """Short deadlines: some examples run into them."""
    if os.geteuid() != 0:
        pytest.skip("making jails of level 3 needs root")
    with Service(timeout_ms=TIMEOUT_MS) as running:
        yield running
