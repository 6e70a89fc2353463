"""Imports that the service denies."""

import pytest

from conftest import INVALID_SCRIPT, VALUE

DENIED = (False, [], 0, 0, 0, ["socket", "os.path", "ctypes"])


@pytest.mark.parametrize(
    "line, name",
    [
        ("import socket", "socket"),
        ("import json, socket as s", "socket"),
        ("from socket import AF_INET", "socket"),
        ("from socket import *", "socket"),
        ("import ctypes.util", "ctypes.util"),
        ("from ctypes.util import find_library", "ctypes.util"),
        ("import os.path", "os.path"),
        ("from os import path", "os.path"),
        ("def f():\n        import socket", "socket"),
        ("try: import socket\n    except ImportError: pass", "socket"),
        ("__import__('socket')", "socket"),
        ("__import__(name='socket')", "socket"),
        ("importlib.import_module('ctypes.util')", "ctypes.util"),
        ("import_module('socket', None)", "socket"),
        ("builtins.__import__('socket')", "socket"),
    ],
)
def test_denied_imports(run, line, name):
    kind, text, _, _ = run(f"if 1:\n    pass\n    {line}\ndef main(): pass", options=DENIED)
    at = 4 if line.startswith("def") else 3
    assert (kind, text) == (INVALID_SCRIPT, f"importing {name!r} is not allowed by this service (line {at})")


@pytest.mark.parametrize(
    "line",
    ["import json", "import os", "from os import getcwd", "import socketserver", "import ctypes_ as x", "from . import socket",
     "from .socket import x", "'import socket'", "# import socket", "f('socket')", "__import__(socket)", "import_module()",
     "__import__(b'socket')", "x.socket", "__import__(*['socket'])"],
)
def test_imports_that_are_not_denied(run, line):
    kind, text, _, _ = run(f"def never():\n    {line}\n    pass\ndef main(): return 1", options=DENIED)
    assert (kind, text) == (VALUE, "1"), text


def test_the_first_denied_import_is_named_with_its_place(run):
    source = "def f():\n    if 1:\n        é = 1; import ctypes\nimport socket\n"
    kind, text, detail, _ = run(source, options=(True, ["*"], 1, 1, 1, ["socket", "ctypes"]))
    assert text == "importing 'ctypes' is not allowed by this service (line 3)"
    detail = {name: value.decode() for name, value in detail}
    assert detail == {"type": "ImportError", "message": text, "line": "3", "column": "16", "source": source.rstrip("\n"), "source_start_line": "1"}


def test_a_script_compiled_from_its_tree_is_the_same_script(run):
    source = '"""doc"""\nfrom __future__ import annotations\nimport inspect\ndef main(a: x = 1):\n    return [__doc__, inspect.getsource(main), main.__annotations__, 1 / 0]'
    assert run(source, options=DENIED)[1] == run(source)[1]


def test_syntax_trees_beyond_bounds(run):
    for source in ("(" * 1000 + ")" * 1000, "x = " + "-" * 100000 + "1", "a" + ".a" * 50000, "x = " + "+".join("1" * 50000)):
        assert run(source, options=DENIED)[0] == INVALID_SCRIPT
