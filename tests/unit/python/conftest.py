"""Runs scripts with python_env/runtime/runner.py, without a service and a jail: each in a forked child, as each job is."""

import os
import pickle
import sys
import types
from pathlib import Path

import pytest

PYTHON_ENV = Path(__file__).parents[3] / "python_env/runtime"
MODULES = (  # in the order of CMakeLists.txt
    "world", "tables", "conversions", "results", "script_module", "failures", "hints", "job_inputs", "leftovers", "own_calls", "uploads",
    "returned_files", "new_files", "displays", "denied_imports", "cells", "report_kinds", "sources", "templates", "sessions", "tools", "endpoints", "runner",
)
VALUE, INVALID_SCRIPT, EXCEPTION, NOT_SERIALIZABLE, MEMORY_LIMIT, OUTPUT_LIMIT, EXITED, INVALID_ARGUMENTS = range(1, 9)
RESULT_BYTES, ERROR_BYTES = 1 << 20, 1 << 16
DETAIL_BYTES = 16 << 10


def load(name):
    """As the embedded interpreter does."""
    module = types.ModuleType(f"_pyexec_{name}")
    module.__file__ = f"<pyexec {name.replace('_', ' ')}>"
    exec(compile((PYTHON_ENV / f"{name}.py").read_text(), module.__file__, "exec"), module.__dict__)
    sys.modules[module.__name__] = module
    return module


for loaded in MODULES:
    runner = load(loaded)


@pytest.fixture
def run(tmp_path):
    """Calls runner.run in a child whose working directory is tmp_path, and returns what it returned.

    What it has shown is `run.displays` then.
    """

    def in_child(source, inputs=None, options=None, result_bytes=RESULT_BYTES, error_bytes=ERROR_BYTES):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(read_end)
                runner.after_fork(str(tmp_path))
                os.chdir("/")
                outcome = runner.run(source, result_bytes, error_bytes, inputs, options)
                with open(write_end, "wb") as pipe:
                    pickle.dump(outcome, pipe)
            finally:
                os._exit(0)
        os.close(write_end)
        with open(read_end, "rb") as pipe:
            data = pipe.read()
        os.waitpid(pid, 0)
        assert data, "run() raised"
        kind, text, detail, files, in_child.displays = pickle.loads(data)
        assert type(text) is bytes and type(detail) is list and type(files) is list
        return kind, text.decode(), detail, files

    return in_child
