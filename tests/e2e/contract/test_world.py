"""What a script finds around it."""

import json

import pytest

from request_parts import main_of, result_of


def test_the_module_is_real(service):
    script = """
import inspect, pickle, sys, typing
from dataclasses import dataclass

@dataclass
class Point:
    x: int
    next: "Point | None" = None

def main():
    copy = pickle.loads(pickle.dumps(Point(1, Point(2))))
    return {
        "name": __name__,
        "registered": sys.modules[__name__].__dict__ is globals(),
        "pickled": copy == Point(1, Point(2)),
        "hints": sorted(typing.get_type_hints(Point)),
        "function source": inspect.getsource(main).splitlines()[0],
        "class source": inspect.getsource(Point).splitlines()[0],
        "module source": "import inspect" in inspect.getsource(sys.modules[__name__]),
    }
"""
    result = result_of(service, script)
    assert result.pop("name") not in ("__main__", "builtins")
    assert result == {
        "registered": True, "pickled": True, "hints": ["next", "x"], "function source": "def main():",
        "class source": "@dataclass", "module source": True,
    }


def test_main_runs_once_in_spite_of_the_usual_guard(service):
    answer = service.execute("def main(): print('ran')\nif __name__ == '__main__': main()")
    assert answer.body == {"result": None, "stdout": "ran\n"}


def test_traceback_shows_the_scripts_lines_and_no_others(service):
    error = service.execute("def inner():\n    return 1 / 0  # here\n\ndef main():\n    inner()").body["error"]
    assert "return 1 / 0  # here" in error and "line 2, in inner" in error and "line 5, in main" in error
    assert error.endswith("ZeroDivisionError: division by zero")
    assert "runner" not in error


def test_chained_exceptions_are_shown(service):
    script = "def main():\n    try: {}['k']\n    except KeyError as e: raise ValueError('outer') from e"
    error = service.execute(script).body["error"]
    assert "KeyError: 'k'" in error and "direct cause" in error and error.endswith("ValueError: outer")


def test_surroundings(service):
    result = result_of(service, main_of("""{
        "cwd": os.getcwd(), "stdin": sys.stdin.read(), "argv": sys.argv, "encoding": locale.getpreferredencoding(),
        "stdout": sys.stdout.encoding, "fs": sys.getfilesystemencoding(), "home": os.path.expanduser("~"),
        "host": os.uname().nodename, "uid": [os.getuid(), os.geteuid(), os.getgid()], "groups": os.getgroups(),
        "tmp": os.listdir("/tmp"), "umask": os.umask(0), "executable": sys.executable,
    }""", "import os, sys, locale"))
    assert result == {
        "cwd": "/tmp", "stdin": "", "argv": ["/tmp/script.py"], "encoding": "UTF-8", "stdout": "utf-8", "fs": "utf-8", "home": "/tmp",
        "host": "pyexec", "uid": [1000, 1000, 1000], "groups": [], "tmp": ["script.py"], "umask": 0o22,
        "executable": "/usr/bin/python3",
    }


def test_environment_is_clean(start, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    service = start(pool=1)
    environment = result_of(service, main_of("dict(os.environ)"))
    assert set(environment) == {
        "PATH", "HOME", "USER", "LOGNAME", "TZ", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS", "TMPDIR", "OMP_NUM_THREADS",
        "MKL_NUM_THREADS", "MPLBACKEND", "MPLCONFIGDIR", "MATPLOTLIBRC",
    }


def test_root_is_minimal(service):
    result = result_of(service, main_of("[sorted(os.listdir(d)) for d in ('/', '/dev', '/etc')]"))
    assert result[0] == ["bin", "dev", "etc", "lib", "lib64", "tmp", "usr"]
    assert result[1] == ["full", "null", "random", "shm", "urandom", "zero"]
    assert set(result[2]) <= {"alternatives", "ld.so.cache", "mime.types", "ssl"}
    for path in ("/proc", "/sys", "/home", "/root", "/var", "/run", "/etc/passwd"):
        assert result_of(service, main_of(f"os.path.exists({path!r})")) is False


@pytest.mark.parametrize(
    "module",
    "numpy pandas requests sqlite3 ssl ctypes decimal zoneinfo xml.etree.ElementTree urllib.request lzma bz2 zlib "
    "unittest multiprocessing concurrent.futures asyncio email http.client curses readline tomllib statistics".split(),
)
def test_imports(service, module):
    assert result_of(service, f"import {module} as m\ndef main(): return m.__name__") == module


def test_a_module_the_script_writes_can_be_imported(service):
    assert result_of(service, "open('helper.py', 'w').write('x = 5')\nimport helper\ndef main(): return helper.x") == 5


def test_asyncio_and_sqlite_and_time_zones(service):
    script = """
import asyncio, sqlite3, zoneinfo, pandas as pd
async def work():
    await asyncio.sleep(0.001)
    process = await asyncio.create_subprocess_exec("echo", "x", stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode()
def main():
    db = sqlite3.connect("file.db")
    db.execute("create table t (a)")
    db.execute("insert into t values (1)")
    db.commit()
    return [asyncio.run(work()), db.execute("select a from t").fetchall(), str(pd.Timestamp("2024-07-01", tz="Europe/Berlin"))]
"""
    assert result_of(service, script) == ["x\n", [[1]], "2024-07-01 00:00:00+02:00"]


def test_sqlite_locks_without_record_locks(service):
    """Two connections that write at the same time are still kept apart."""
    script = """
import sqlite3
def main():
    one, two = sqlite3.connect("f.db"), sqlite3.connect("f.db", timeout=0)
    one.execute("create table t (a)"); one.commit()
    one.execute("insert into t values (1)")
    try:
        two.execute("insert into t values (2)")
    except sqlite3.OperationalError as error:
        locked = str(error)
    one.commit()
    two.execute("insert into t values (2)"); two.commit()
    return [locked, one.execute("select count(*) from t").fetchone()[0]]
"""
    assert result_of(service, script) == ["database is locked", 2]


def test_a_record_lock_is_taken_or_refused_with_the_errno_for_it(service):
    script = """
import errno, fcntl
def main():
    with open("/dev/null", "r+b") as f:
        try: fcntl.lockf(f, fcntl.LOCK_EX)
        except OSError as error: return errno.errorcode[error.errno]
"""
    has_locks = service.health()["isolation"]["features"]["file_locks"]
    assert result_of(service, script) == (None if has_locks else "ENOLCK")


def test_shutil_copies_and_big_pipes_work(service):
    script = """
import os, pathlib, shutil
def main():
    pathlib.Path("a").write_bytes(b"x" * 200000)
    shutil.copy("a", "b"); shutil.copytree("/usr/share/zoneinfo/Europe", "c"); shutil.move("b", "d")
    return [os.path.getsize("d"), len(os.listdir("c")) > 10]
"""
    assert result_of(service, script) == [200000, True]


def test_a_plot_is_drawn_with_fonts_and_the_list_of_them_made_beforehand(service):
    script = """
import io, json, os, sys
import matplotlib.pyplot as plt
from matplotlib import font_manager
def main():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    axes.set_title("é $x^2$")
    plt.savefig(os.path.join(os.environ["TMPDIR"], "plot.png"))
    with open(os.path.join(os.environ["TMPDIR"], "plot.png"), "rb") as file:
        start = file.read(4).hex()
    cache, _ = sorted(os.listdir(os.environ["MPLCONFIGDIR"]))
    return [start, plt.get_backend().lower(), cache, all(os.path.exists(f.fname) for f in font_manager.fontManager.ttflist)]
"""
    start, backend, cache, has_fonts = result_of(service, script)
    assert (start, backend, has_fonts) == (b"\x89PNG".hex(), "agg", True) and cache.startswith("fontlist-")


def test_json_shape_of_a_pandas_job(service):
    script = "import pandas as pd\ndef main():\n d = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\n print(d)\n return d.to_dict('records')"
    answer = service.execute(script)
    assert answer.body["result"] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert answer.body["stdout"] == "   a  b\n0  1  x\n1  2  y\n"
    assert json.loads(answer.raw) == answer.body
