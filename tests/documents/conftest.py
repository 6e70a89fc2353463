import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "e2e/support")]
sys.dont_write_bytecode = True

import pytest  # noqa: E402
from service import Service  # noqa: E402


@pytest.fixture(scope="session")
def service():
    """With the defaults that the documents show."""
    if os.geteuid() != 0:
        pytest.skip("making jails of level 3 needs root")
    with Service() as running:
        yield running
