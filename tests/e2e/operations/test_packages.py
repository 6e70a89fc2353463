"""The operator's packages: a directory that scripts import from, modules that are imported early, and the list of all."""

import json
import os
import shutil
import subprocess
import tempfile
import textwrap
import zipfile
from pathlib import Path

import pytest

from levels import KINDS, can_have, start_kind
from request_parts import result_of
from service import BUILD

PYTHON = "/usr/bin/python3"
SUFFIX = subprocess.check_output([PYTHON, "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"], text=True).strip()
INCLUDE = subprocess.check_output([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], text=True).strip()
NATIVE = """
#include <Python.h>
int answer(void);
static PyObject* value(PyObject* self, PyObject* none) { return PyLong_FromLong(answer()); }
static PyMethodDef methods[] = {{"value", value, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "native", "", -1, methods};
PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }
"""


def wheel(folder, name, files):
    """A wheel as pip takes it. files: path in it to bytes."""
    info = f"{name}-1.2.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]).encode()
    path = folder / f"{name}-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def native(folder):
    """A package with an extension that needs a library of its own, as wheels have them."""
    (folder / "answer.c").write_text("int answer(void) { return 42; }\n")
    (folder / "native.c").write_text(NATIVE)
    subprocess.run(["gcc", "-shared", "-fPIC", "answer.c", "-o", "libanswer.so"], cwd=folder, check=True)
    subprocess.run(["gcc", "-shared", "-fPIC", f"-I{INCLUDE}", "native.c", "-o", "native.so", "-L.", "-lanswer", "-Wl,-rpath,$ORIGIN/libs"],
                   cwd=folder, check=True)
    return {"binary/__init__.py": b"from .native import value\n", f"binary/native{SUFFIX}": (folder / "native.so").read_bytes(),
            "binary/libs/libanswer.so": (folder / "libanswer.so").read_bytes()}


@pytest.fixture(scope="module")
def packages():
    """What pip has installed into a directory. Not below /tmp: jails have that to themselves."""
    folder = Path(tempfile.mkdtemp(prefix="pyexec-packages-", dir="/var/tmp"))
    folder.chmod(0o755)
    made = folder / "made"
    made.mkdir()
    greet = {"greet/__init__.py": b"from .words import HELLO\n", "greet/words.py": b"HELLO = 'hello'\n", "greet/data.txt": b"data"}
    wheels = [wheel(made, "greet", greet), wheel(made, "binary", native(made)),
              wheel(made, "numpy", {"numpy/__init__.py": b"raise ImportError('another numpy')\n"}),
              wheel(made, "requests", {"requests/__init__.py": b"OWN = True\n"})]
    target = folder / "site"
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-warn-script-location", "--target", target, *wheels],
                   check=True, capture_output=True)
    (target / "alone.py").write_text("VALUE = 1\n")
    (target / "deep").mkdir()
    (target / "deep" / "named.py").write_text("VALUE = 2\n")
    (target / "venv.pth").write_text(f"# of a venv\n{made}\nno/such\nimport sys; sys.modules['ran'] = sys\ndeep\n../site/deep\n")
    (target / "starts.py").write_text("import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n")
    (target / "fails.py").write_text("raise RuntimeError('no such device')\n")
    yield target
    shutil.rmtree(folder)


USES = textwrap.dedent("""
    import sys
    had = sorted({"greet", "binary"} & set(sys.modules))
    import alone, binary, greet, numpy, os, pathlib, requests
    def main():
        try:
            (pathlib.Path(greet.__file__).parent / "new").write_text("x")
            written = True
        except OSError:
            written = False
        return [had, greet.HELLO, pathlib.Path(greet.__file__).with_name("data.txt").read_text(), binary.value(), alone.VALUE,
                requests.OWN, int(numpy.arange(3).sum()), written]
""")


@pytest.mark.parametrize("kind", KINDS)
def test_scripts_import_them_at_every_level(kind, programs, shm, packages):
    if not can_have(kind, programs):
        pytest.skip("this host does not give it")
    with start_kind(kind, programs, shm, packages_dir=packages, preimport="greet,binary", pool=2) as service:
        assert service.level in KINDS[kind][2]
        assert result_of(service, USES) == [["binary", "greet"], "hello", "data", 42, 1, True, 3, False]
        assert result_of(service, USES)[1] == "hello"  # in a jail that was kept, if jails are
        siblings = f"import os\ndef main():\n    try: return os.listdir({str(packages.parent)!r})\n    except OSError: return ['site']"
        assert result_of(service, siblings) == ["site"]
    assert sorted(path.name for path in packages.glob("greet/*")) == ["__init__.py", "data.txt", "words.py"] or \
        sorted(path.name for path in packages.glob("greet/*")) == ["__init__.py", "__pycache__", "data.txt", "words.py"]


def test_paths_that_a_venv_names(start, packages):
    service = start(pool=1, packages_dir=packages)
    script = "import sys, named\ndef main(): return [named.VALUE, 'ran' in sys.modules, [p for p in sys.path if p.startswith('/var/tmp')]]"
    assert result_of(service, script) == [2, False, [str(packages), str(packages / "deep")]]


def test_without_the_directory_nobody_has_them(service):
    answer = service.execute("import greet\ndef main(): pass")
    assert answer.outcome == "exception" and "There is no module 'greet' here" in answer.body["error"]
    assert "GET /packages" in answer.body["error"]


def test_jails_are_kept_with_packages_on_the_same_file_system(start, packages):
    service = start(pool=2, packages_dir=packages)
    plain = start(pool=2)
    if os.stat(packages).st_dev == os.stat("/usr").st_dev:
        assert service.health()["isolation"]["jail"] == plain.health()["isolation"]["jail"]
    before = [result_of(service, "def main(): return 1") for _ in range(20)]
    assert before == [1] * 20
    kept = {name: float(value) for name, value in (row.rsplit(" ", 1) for row in service.request("GET", "/metrics").raw.decode().splitlines()
                                                    if row.startswith("pyexec_jails_total"))}
    if plain.health()["isolation"]["level"] == 4 and os.stat(packages).st_dev == os.stat("/usr").st_dev:
        assert kept['pyexec_jails_total{jail="kept"}'] > 0, kept


def test_the_list(start, packages):
    service = start(pool=1, packages_dir=packages, deny_imports="alone")
    answer = service.request("GET", "/packages")
    assert answer.status == 200
    listed = {one["name"]: one for one in answer.body["packages"]}
    assert listed["greet"] == {"name": "greet", "version": "1.2", "imports": ["greet"]}
    assert listed["requests"]["version"] == "1.2" and listed["numpy"]["version"] == service.health()["versions"]["numpy"]
    assert "alone" not in listed and "starts" in listed and listed["starts"]["version"] is None
    assert answer.body["python"] == service.health()["versions"]["python"]
    for name in ("pandas", "matplotlib", "requests"):
        assert result_of(service, f"import {listed[name]['imports'][0]}\ndef main(): return 1") == 1
    assert service.request("GET", "/packages").raw == answer.raw


def test_an_installation_that_was_interrupted_hides_nothing_else(start, packages):
    (packages / "broken-1.0.dist-info").mkdir()
    (packages / "worse-1.0.dist-info").mkdir()
    (packages / "worse-1.0.dist-info/METADATA").write_bytes(b"Name: worse\nVersion: \xff\n")
    (packages / "worse-1.0.dist-info/RECORD").write_bytes(b'"\x00,,\xff\n')
    try:
        listed = {one["name"] for one in start(pool=1, packages_dir=packages).request("GET", "/packages").body["packages"]}
    finally:
        shutil.rmtree(packages / "broken-1.0.dist-info")
        shutil.rmtree(packages / "worse-1.0.dist-info")
    assert {"greet", "binary"} <= listed and "broken" not in listed


@pytest.mark.parametrize("kind", ["user", "user-1"])
def test_the_directory_may_be_the_services_own(kind, programs, shm, packages):
    if not can_have(kind, programs):
        pytest.skip("this host does not give it")
    own = packages.parent / "own"
    shutil.copytree(packages, own)
    try:
        for path in (own, *own.rglob("*")):
            os.chown(path, 1000, 1000)
        with start_kind(kind, programs, shm, packages_dir=own, pool=1) as service:
            assert result_of(service, USES)[1:] == ["hello", "data", 42, 1, True, 3, False]
    finally:
        shutil.rmtree(own)


@pytest.mark.parametrize("preimport, why", [
    ("starts", "PYEXEC_PREIMPORT: starts starts threads when it is imported"),
    ("greet,fails", "PYEXEC_PREIMPORT: fails cannot be imported: RuntimeError: no such device"),
    ("nothing_there", "PYEXEC_PREIMPORT: nothing_there cannot be imported: ModuleNotFoundError"),
    ("a b", "PYEXEC_PREIMPORT: 'a b' is no name of a module"), (",", "PYEXEC_PREIMPORT: '' is no name of a module"),
    ("x" * 600, "PYEXEC_PREIMPORT: the list is longer than 511 bytes"),
])
def test_modules_that_cannot_be_imported_early_are_named(packages, preimport, why):
    done = start_and_fail(packages_dir=packages, preimport=preimport)
    assert why in done.stderr, done.stderr


def start_and_fail(**knobs):
    environment = {"PATH": os.environ["PATH"], "PYEXEC_PORT": "0"} | {f"PYEXEC_{name.upper()}": str(value) for name, value in knobs.items()}
    done = subprocess.run([BUILD / "pyexec-server"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and done.stdout == ""
    return done


@pytest.mark.parametrize("path, why", [
    ("/var/tmp/nothing-there", "No such file or directory"), ("/tmp", "jails have a /tmp of their own"), ("/usr", "a jail's own directories"),
    ("/etc/ssl", "jails have a /etc of their own"), ("/", "a jail's own directories"), ("/usr/local", "a jail's own directories"), ("/usr/bin/env", "is not a directory"),
])
def test_places_that_cannot_be_had(path, why):
    done = start_and_fail(packages_dir=path)
    assert f"PYEXEC_PACKAGES_DIR={path}: " in done.stderr and why in done.stderr, done.stderr


def test_rights_that_are_missing_or_too_many(packages):
    folder = Path(tempfile.mkdtemp(prefix="pyexec-packages-", dir="/var/tmp"))
    try:
        assert f"jobs cannot enter {folder}: chmod o+x it" in start_and_fail(packages_dir=folder).stderr
        folder.chmod(0o711)
        assert "jobs cannot read it" in start_and_fail(packages_dir=folder).stderr
        folder.chmod(0o777)
        assert "everybody can write to it" in start_and_fail(packages_dir=folder).stderr
    finally:
        folder.rmdir()


def test_a_link_leads_to_the_directory(start, packages):
    link = packages.parent / "link"
    link.symlink_to(packages)
    try:
        assert result_of(start(pool=1, packages_dir=link), "import greet\ndef main(): return greet.__file__") == str(packages / "greet/__init__.py")
    finally:
        link.unlink()


def test_matplotlib_can_be_imported_early(start):
    service = start(pool=1, preimport="matplotlib.pyplot", timeout_ms=20000)
    script = "import sys\nhad = 'matplotlib.pyplot' in sys.modules\nimport matplotlib.pyplot as plt\ndef main():\n    plt.title('日本'); plt.savefig('a.png'); return had"
    answer = service.request("POST", "/execute", json.dumps({"script": script, "return_files": ["a.png"], "displays": True, "verbose": True}),
                             {"Content-Type": "application/json"})
    assert answer.body["result"] is True and len(answer.body["displays"]) == 1 and "a.png" in answer.body["files"]
    assert "findfont" not in answer.body["stderr"] and "missing" not in answer.body["stderr"]
