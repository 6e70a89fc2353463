"""A job's matplotlib: each case in a Python of its own that does what the zygote does, and then what a job does."""

import json
import os
import subprocess
import sys
from pathlib import Path

PYTHON_ENV = Path(__file__).parents[3] / "python_env/runtime"

ZYGOTE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import plots
before = set(os.listdir("/dev/shm"))
plots.FontList().install()
zygote = [len(os.listdir("/proc/self/task")), "matplotlib" in sys.modules, set(os.listdir("/dev/shm")) == before]
scratch = os.environ["TMPDIR"]
os.environ["MPLCONFIGDIR"] = os.environ["MPLCONFIGDIR"].replace("/dev/shm", sys.argv[2])
"""

PLOT = """
import io
import matplotlib, matplotlib.pyplot as plt
from matplotlib import font_manager
def png(title):
    figure = plt.figure()
    plt.plot([1, 2, 3])
    plt.title(title)
    file = io.BytesIO()
    plt.savefig(file)
    plt.close(figure)
    return file.getvalue()
lists = [os.path.join(os.environ["MPLCONFIGDIR"], name) for name in os.listdir(os.environ["MPLCONFIGDIR"])
         if name != "matplotlibrc"]
print(json.dumps({
    "zygote": zygote, "backend": matplotlib.get_backend(), "config": os.environ["MPLCONFIGDIR"],
    "lists": [open(name).read() == text for name in lists],
    "fonts": [os.path.exists(font.fname) for font in font_manager.fontManager.ttflist],
    "png": png("x")[:4].hex(), "text is drawn": png("W") != png("i"), "mathematics": len(png(r"é $\\sum x^2$")),
}))
"""


def outcome(scratch, shm, job="text = sys.meta_path[0].text\n" + PLOT):
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TMPDIR": str(scratch), "LANG": "C.UTF-8"}
    process = subprocess.run(
        [sys.executable, "-B", "-c", ZYGOTE + job, str(PYTHON_ENV), str(shm)], env=environment, capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (0, ""), process
    return json.loads(process.stdout)


def test_a_plot_with_text_and_the_list_of_fonts_made_beforehand(tmp_path):
    (tmp_path / "shm").mkdir()
    got = outcome(tmp_path, tmp_path / "shm")
    assert got["zygote"] == [1, False, True]
    assert (got["backend"].lower(), got["config"]) == ("agg", str(tmp_path / "shm/matplotlib"))
    assert got["lists"] == [True]  # not made anew
    assert all(got["fonts"]) and len(got["fonts"]) > 10
    assert got["png"] == b"\x89PNG".hex() and got["text is drawn"] and got["mathematics"] > 1000
    assert os.listdir(tmp_path) == ["shm"]


def test_where_shared_memory_cannot_be_written_the_list_lies_in_the_scratch_directory(tmp_path):
    got = outcome(tmp_path, "/dev/null")
    assert (got["config"], got["lists"]) == (str(tmp_path / ".matplotlib"), [True])


def test_where_nothing_can_be_written_an_import_is_let_through():
    job = "import plots\nos.environ['TMPDIR'] = '/dev/null/x'\nsys.meta_path[0].write()\nprint(json.dumps(os.environ['MPLCONFIGDIR']))"
    assert outcome("/tmp", "/dev/null", job) == "/dev/null/matplotlib"


def test_without_matplotlib_nothing_is_set(tmp_path):
    hidden = tmp_path / "matplotlib.py"
    hidden.write_text("raise ImportError")
    hide = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
    job = "print(json.dumps([name for name in os.environ if name.startswith('MPL')]))"
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "MPLCONFIGDIR": ""}
    source = hide + ZYGOTE.replace('sys.path.insert(0, sys.argv[1])', 'sys.path.insert(1, sys.argv[1])') + job
    process = subprocess.run([sys.executable, "-B", "-c", source, str(PYTHON_ENV), "/x"], env=environment, capture_output=True, text=True)
    assert json.loads(process.stdout) == ["MPLCONFIGDIR"]


def test_a_list_that_was_made_before_is_used_and_no_process_started(tmp_path):
    prepared = tmp_path / "fonts.json"
    made = subprocess.run([sys.executable, "-I", "-B", str(PYTHON_ENV / "plots.py")], capture_output=True, check=True)
    prepared.write_bytes(made.stdout)
    (tmp_path / "shm").mkdir()
    zygote = ZYGOTE.replace("import plots\n", f"import plots\nplots.PREPARED = {str(prepared)!r}\nos.fork = None\n")
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}
    source = zygote + "text = sys.meta_path[0].text\n" + PLOT
    process = subprocess.run([sys.executable, "-B", "-c", source, str(PYTHON_ENV), str(tmp_path / "shm")],
                             env=environment, capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (0, ""), process
    got = json.loads(process.stdout)
    assert got["lists"] == [True] and all(got["fonts"]) and got["text is drawn"]
