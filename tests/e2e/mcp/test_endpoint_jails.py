"""Scripts of a directory are run in a jail, from their first line on: they do not see where they came from."""

import json
import os
import socket
import subprocess
import sys

import pytest

from endpoints import Scripts, result
from levels import start_kind

LOOKS = """
import importlib, os, socket, sys, tempfile

def outcome(what):
    try:
        return what()
    except BaseException as error:
        return type(error).__name__

def read(path):
    with open(path) as file:
        return file.read()

def write(folder):
    path = os.path.join(folder, "left.txt")
    with open(path, "w") as file:
        file.write("written")
    try:
        return read(path)
    finally:
        os.remove(path)

def import_neighbour(folder):
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("neighbour").__name__
    finally:
        sys.path.remove(folder)

def connect():
    with socket.create_connection(("127.0.0.1", PORT)):
        return "connected"

REFUSED = {
    "list": lambda: sorted(os.listdir(FOLDER)), "data": lambda: read(FOLDER + "/data.txt"), "itself": lambda: read(FOLDER + "/looks.py")[:6],
    "import": lambda: importlib.import_module("neighbour").__name__, "import by path": lambda: import_neighbour(FOLDER),
    "write": lambda: write(FOLDER), "shadow": lambda: read("/etc/shadow")[:5], "connect": connect,
}
WORKS = {"write": lambda: write(tempfile.gettempdir()), "list": lambda: os.listdir("."), "import": lambda: importlib.import_module("json").__name__}

def look():
    return {name: outcome(what) for name, what in REFUSED.items()}, {name: outcome(what) for name, what in WORKS.items()}

at_first = look()

def main():
    return [at_first, look()]
"""
THERE = {
    "list": ["data.txt", "looks.py", "neighbour.py"], "data": "data", "itself": "FOLDER", "import": "neighbour", "import by path": "neighbour",
    "write": "written", "shadow": "root:", "connect": "connected",
}


@pytest.mark.skipif(os.getuid() != 0, reason="reads /etc/shadow, so that it is there")
@pytest.mark.parametrize("kind", ["root", "root-2", "root-1"])
def test_a_script_sees_neither_its_directory_nor_the_host(kind, programs, shm, tmp_path):
    scripts = Scripts(tmp_path / "tools", neighbour="def main(): return 7")
    (scripts.path / "data.txt").write_text("data")
    (scripts.path / "data.txt").chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scripts.write("looks", f"FOLDER, PORT = {str(scripts)!r}, {listener.getsockname()[1]}\n{LOOKS}")
        outside = [sys.executable, "-B", "-c", "import json, looks; print(json.dumps(looks.at_first[0]))"]
        assert json.loads(subprocess.check_output(outside, cwd=scripts.path)) == THERE
        with start_kind(kind, programs, shm, tools_dir=scripts) as service:
            assert result(service, "neighbour") == 7
            for refused, works in result(service, "looks"):
                assert refused.keys() == THERE.keys()
                assert set(refused.values()) <= {"FileNotFoundError", "ModuleNotFoundError", "PermissionError"}, refused
                assert works == {"write": "written", "list": [], "import": "json"}
