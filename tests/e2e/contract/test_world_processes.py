"""What a script finds of threads, processes and what a fork leaves of an interpreter."""

from request_parts import result_of


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
    assert result_of(service, script) == [328350, True]


def test_a_thread_that_still_runs_does_not_hold_the_answer(service):
    assert result_of(service, "import threading, time\ndef main():\n threading.Thread(target=time.sleep, args=(60,)).start()\n return 1") == 1


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
    assert result_of(service, script) == [[0, 1, 4, 9, 16], 7, 0, [36, 49], 9]


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
    assert result_of(service, script) == ["42\n", 3, "3 1000\n", "a\nb\n"]


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
    runs = [result_of(service, RANDOM) for _ in range(24)]
    for key in runs[0]:
        assert len({str(one[key]) for one in runs}) == len(runs), key


def test_a_seed_still_gives_the_same_numbers(service):
    script = "import random, numpy as np\ndef main():\n random.seed(1); np.random.seed(1)\n return [random.random(), float(np.random.rand())]"
    assert result_of(service, script) == result_of(service, script)


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
        result = result_of(service, look)
        assert result == [[], [], False, False, True, False, False, False, False, 1000, [1, 2]]


def test_a_child_that_returns_from_main_does_not_answer(service):
    script = "import os\ndef main():\n pid = os.fork()\n if pid: os.waitpid(pid, 0)\n return 'parent' if pid else 'child'"
    assert result_of(service, script) == "parent"


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
    assert result_of(service, f"CAN_FORK = {service.health()['isolation']['features']['subprocess']}\n" + AFTER_A_FORK) == []


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
    assert result_of(service, script) == [["usr1", "alarm"], 15, True]
