"""A file of API keys."""

import hashlib
import os

import pytest

KEY = "k3y-one"


def line(name, key, *limits):
    return " ".join([name, hashlib.sha256(key.encode()).hexdigest(), *limits]) + "\n"


@pytest.fixture
def keys(tmp_path):
    """A file of keys that the server's own user can read."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o055)
    file = tmp_path / "keys"
    file.write_text(line("one", KEY))
    file.chmod(0o644)
    return file
