"""What a script finds around it."""

import json

import pytest


def run(service, script):
    answer = service.execute(script)
    assert answer.outcome == "ok", answer
    return answer.body["result"]


def main_of(expression, setup="import os, sys"):
    return f"{setup}\ndef main():\n    return {expression}\n"


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
    result = run(service, script)
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
    result = run(service, main_of("""{
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
    environment = run(service, main_of("dict(os.environ)"))
    assert set(environment) == {
        "PATH", "HOME", "USER", "LOGNAME", "TZ", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS", "TMPDIR", "OMP_NUM_THREADS",
        "MKL_NUM_THREADS", "MPLBACKEND", "MPLCONFIGDIR", "MATPLOTLIBRC",
    }


def test_root_is_minimal(service):
    result = run(service, main_of("[sorted(os.listdir(d)) for d in ('/', '/dev', '/etc')]"))
    assert result[0] == ["bin", "dev", "etc", "lib", "lib64", "tmp", "usr"]
    assert result[1] == ["full", "null", "random", "shm", "urandom", "zero"]
    assert set(result[2]) <= {"alternatives", "ld.so.cache", "ssl"}
    for path in ("/proc", "/sys", "/home", "/root", "/var", "/run", "/etc/passwd"):
        assert run(service, main_of(f"os.path.exists({path!r})")) is False


@pytest.mark.parametrize(
    "module",
    "numpy pandas requests sqlite3 ssl ctypes decimal zoneinfo xml.etree.ElementTree urllib.request lzma bz2 zlib "
    "unittest multiprocessing concurrent.futures asyncio email http.client curses readline tomllib statistics".split(),
)
def test_imports(service, module):
    assert run(service, f"import {module} as m\ndef main(): return m.__name__") == module


def test_a_module_the_script_writes_can_be_imported(service):
    assert run(service, "open('helper.py', 'w').write('x = 5')\nimport helper\ndef main(): return helper.x") == 5


def test_threads(service):
    script = """
import threading
from concurrent.futures import ThreadPoolExecutor
def main():
    with ThreadPoolExecutor(8) as pool:
        total = sum(pool.map(lambda i: i * i, range(100)))
    event = threading.Event()
    threading.Thread(target=event.set).start()
    return [total, event.wait(5)]
"""
    assert run(service, script) == [328350, True]


def test_a_thread_that_still_runs_does_not_hold_the_answer(service):
    assert run(service, "import threading, time\ndef main():\n threading.Thread(target=time.sleep, args=(60,)).start()\n return 1") == 1


def test_multiprocessing(service):
    script = """
import multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory
def square(x): return x * x
def put(queue, lock):
    with lock: queue.put(7)
def main():
    with mp.Pool(3) as pool:
        squares = pool.map(square, range(5))
    queue, lock = mp.Queue(), mp.Lock()
    process = mp.Process(target=put, args=(queue, lock))
    process.start()
    got = queue.get(timeout=5)
    process.join()
    with ProcessPoolExecutor(2) as pool:
        more = list(pool.map(square, [6, 7]))
    memory = shared_memory.SharedMemory(create=True, size=16)
    memory.buf[0] = 9
    value = memory.buf[0]
    memory.close(); memory.unlink()
    return [squares, got, process.exitcode, more, value]
"""
    assert run(service, script) == [[0, 1, 4, 9, 16], 7, 0, [36, 49], 9]


def test_subprocess(service):
    script = """
import subprocess, sys
def main():
    shell = subprocess.run("echo $((6 * 7)); exit 3", shell=True, capture_output=True, text=True)
    python = subprocess.run([sys.executable, "-c", "import numpy, os; print(numpy.arange(3).sum(), os.getuid())"],
                            capture_output=True, text=True)
    piped = subprocess.run(["sort"], input="b\\na\\n", capture_output=True, text=True)
    return [shell.stdout, shell.returncode, python.stdout, piped.stdout]
"""
    assert run(service, script) == ["42\n", 3, "3 1000\n", "a\nb\n"]


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
    assert run(service, script) == ["x\n", [[1]], "2024-07-01 00:00:00+02:00"]


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
    assert run(service, script) == ["database is locked", 2]


def test_a_record_lock_is_taken_or_refused_with_the_errno_for_it(service):
    script = """
import errno, fcntl
def main():
    with open("/dev/null", "r+b") as f:
        try: fcntl.lockf(f, fcntl.LOCK_EX)
        except OSError as error: return errno.errorcode[error.errno]
"""
    has_locks = service.health()["isolation"]["features"]["file_locks"]
    assert run(service, script) == (None if has_locks else "ENOLCK")


RANDOM = """
import random, secrets, ssl, tempfile, uuid, os
import numpy as np
def spawned():
    bits = np.random.get_bit_generator()
    seeds = getattr(bits, "_seed_seq", None) or getattr(bits, "seed_seq", None)
    return os.urandom(8).hex() if seeds is None else seeds.spawn(1)[0].generate_state(4).tolist()
def main():
    return {
        "random": random.random(), "numpy": float(np.random.rand()), "numpy int": int(np.random.randint(1 << 62)),
        "default_rng": float(np.random.default_rng().random()), "uuid4": str(uuid.uuid4()), "uuid1": str(uuid.uuid1()),
        "secrets": secrets.token_hex(), "tempfile": tempfile.mkdtemp(), "urandom": os.urandom(8).hex(),
        "openssl": ssl.RAND_bytes(8).hex(), "choice": random.SystemRandom().random(),
        "spawned": spawned(),
    }
"""


def test_randomness_differs_in_every_job(service):
    runs = [run(service, RANDOM) for _ in range(24)]
    for key in runs[0]:
        assert len({str(one[key]) for one in runs}) == len(runs), key


def test_a_seed_still_gives_the_same_numbers(service):
    script = "import random, numpy as np\ndef main():\n random.seed(1); np.random.seed(1)\n return [random.random(), float(np.random.rand())]"
    assert run(service, script) == run(service, script)


def test_nothing_of_one_job_is_seen_by_another(service):
    spoil = """
import builtins, json, math, os, sys, subprocess
import numpy as np
def main():
    open("/tmp/left", "w").write("x"); open("/dev/shm/left", "w").write("x")
    os.environ["LEFT"] = "1"; builtins.LEFT = 1; math.pi = 3; np.LEFT = 1; json.dumps = None
    sys.modules["left"] = sys; sys.path.append("/left"); os.umask(0o777); sys.setrecursionlimit(50)
    subprocess.Popen(["sleep", "100"])
"""
    look = """
import builtins, json, math, os, sys
import numpy as np
def main():
    alive = []
    for pid in range(1, 500):
        try: os.kill(pid, 0); alive.append(pid)
        except ProcessLookupError: pass
        except PermissionError: alive.append(pid)
    return [os.listdir("/tmp"), os.listdir("/dev/shm"), "LEFT" in os.environ, hasattr(builtins, "LEFT"), math.pi > 3.1,
            hasattr(np, "LEFT"), json.dumps is None, "left" in sys.modules, "/left" in sys.path, sys.getrecursionlimit(),
            alive]
"""
    for _ in range(20):
        service.execute(spoil)
        result = run(service, look)
        assert result == [[], [], False, False, True, False, False, False, False, 1000, [1, 2]]


def test_a_child_that_returns_from_main_does_not_answer(service):
    script = "import os\ndef main():\n pid = os.fork()\n if pid: os.waitpid(pid, 0)\n return 'parent' if pid else 'child'"
    assert run(service, script) == "parent"


AFTER_A_FORK = """
import concurrent.futures, importlib, logging, os, random, subprocess, sys, threading, _thread

def main():
    seen, main_thread = {}, threading.main_thread()
    seen["this is the main thread"] = threading.current_thread() is main_thread and main_thread.is_alive()
    seen["native ids"] = main_thread.native_id == threading.get_native_id() == os.getpid()
    seen["one thread"] = threading.active_count() == 1 == len(sys._current_frames())
    seen["identity"] = main_thread.ident == threading.get_ident() == _thread.get_ident()
    imported = []
    threads = [threading.Thread(target=lambda: imported.append(importlib.import_module("xml.dom.minidom").__name__))
               for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join(20) for thread in threads]
    seen["imports in threads"] = imported == ["xml.dom.minidom"] * 4
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        seen["thread pool"] = list(pool.map(lambda n: (logging.getLogger("x").warning("w"), n)[1], range(20))) == list(range(20))
    timer = threading.Event()
    threading.Timer(0.01, timer.set).start()
    seen["timer"] = timer.wait(20)
    if CAN_FORK:
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            child = threading.main_thread()
            right = child is threading.current_thread() and threading.active_count() == 1
            os.write(write_end, b"%d %r" % (right, random.random()))
            os._exit(0)
        os.wait()
        right, number = os.read(read_end, 99).split()
        seen["fork of a fork"] = right == b"1" and float(number) != random.random()
        seen["subprocess"] = subprocess.run(["/bin/true"]).returncode == 0
    return [name for name, right in seen.items() if not right]
"""


def test_python_is_whole_after_the_fork_that_made_its_process(service):
    assert run(service, f"CAN_FORK = {service.health()['isolation']['features']['subprocess']}\n" + AFTER_A_FORK) == []


def test_signal_semantics_are_those_of_an_ordinary_process(service):
    script = """
import os, signal
got = []
def main():
    signal.signal(signal.SIGUSR1, lambda *_: got.append("usr1"))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGALRM, lambda *_: got.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    return [got, os.WTERMSIG(os.waitpid(child, 0)[1]), os.getpid() != 1]
"""
    assert run(service, script) == [["usr1", "alarm"], 15, True]


def test_shutil_copies_and_big_pipes_work(service):
    script = """
import os, pathlib, shutil
def main():
    pathlib.Path("a").write_bytes(b"x" * 200000)
    shutil.copy("a", "b"); shutil.copytree("/usr/share/zoneinfo/Europe", "c"); shutil.move("b", "d")
    return [os.path.getsize("d"), len(os.listdir("c")) > 10]
"""
    assert run(service, script) == [200000, True]


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
    start, backend, cache, has_fonts = run(service, script)
    assert (start, backend, has_fonts) == (b"\x89PNG".hex(), "agg", True) and cache.startswith("fontlist-")


def test_json_shape_of_a_pandas_job(service):
    script = "import pandas as pd\ndef main():\n d = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\n print(d)\n return d.to_dict('records')"
    answer = service.execute(script)
    assert answer.body["result"] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert answer.body["stdout"] == "   a  b\n0  1  x\n1  2  y\n"
    assert json.loads(answer.raw) == answer.body
