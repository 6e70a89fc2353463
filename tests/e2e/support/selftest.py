"""The number of attacks in the files of the self-test."""

from pathlib import Path

FOLDER = Path(__file__).parents[3] / "python_env/selftest"
ATTACKS = sum(path.read_text().splitlines().count("@attack") for path in FOLDER.glob("*.py"))
