"""Programs without which a test is skipped."""

import shutil

import pytest


def need(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")
