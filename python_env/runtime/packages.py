"""The operator's packages, in the zygote: a directory that scripts import from (PYEXEC_PACKAGES_DIR), and modules that are
imported before there is any script (PYEXEC_PREIMPORT).
"""

import importlib
import os
import sys
import tempfile

import _pyexec_plots as plots

_TASKS = "/proc/self/task"
_directory = ""


class Unusable(Exception):
    """A module that the zygote cannot hold. The text says which, why, and what to do."""


def add(directory, preimport):
    """directory: "" for none; it comes before Debian's packages, but numpy and pandas stay Debian's. preimport: modules,
    comma-separated. Ends the process, with a line on stderr, if one of them cannot be had.
    """
    try:
        _add(directory, preimport)
    except Unusable as problem:
        sys.stderr.write(f"pyexec-worker: {problem}\n")
        os._exit(1)


def _add(directory, preimport):
    global _directory
    _directory = directory
    if directory:
        debian = (place for place, entry in enumerate(sys.path) if entry.endswith("-packages"))
        place = next(debian, len(sys.path))
        sys.path[place:place] = [directory, *_below(directory)]
        importlib.invalidate_caches()
    names = [name.strip() for name in preimport.split(",") if name.strip()]
    if names:
        _import(names)


def _below(directory):
    """Directories in it that its .pth files name, as those of a venv may. Their lines of code are not run, and jails have no
    other directories.
    """
    found = []
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".pth"):
            continue
        with open(os.path.join(directory, name), encoding="utf-8-sig", errors="replace") as file:
            lines = [line.strip() for line in file]
        for path in (os.path.realpath(os.path.join(directory, line)) for line in lines if line and not line.startswith("#")):
            if path.startswith(os.path.realpath(directory) + os.sep) and os.path.isdir(path) and path not in found:
                found.append(path)
    return found


def _import(names):
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(plots.ENVIRONMENT, MPLCONFIGDIR=scratch, PATH="", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        if os.path.exists(plots.EAST_ASIAN):
            with open(os.path.join(scratch, "matplotlibrc"), "w") as file:
                file.write(plots.RC_FILE)
            os.environ["MATPLOTLIBRC"] = scratch
        for name in names:
            threads = _threads()
            try:
                importlib.import_module(name)
            except BaseException as error:
                raise Unusable(
                    f"PYEXEC_PREIMPORT: {name} cannot be imported: {type(error).__name__}: {error}; install it in "
                    "PYEXEC_PACKAGES_DIR, or remove it from the list"
                ) from None
            if _threads() > threads:
                raise Unusable(
                    f"PYEXEC_PREIMPORT: {name} starts threads when it is imported, which no worker would have: remove it "
                    "from the list, and let scripts import it"
                )
    os.environ.clear()
    os.environ.update(before)
    if "matplotlib.font_manager" in sys.modules:
        plots.keep_fonts_of_jails(sys.modules["matplotlib.font_manager"].fontManager)


def _threads():
    try:
        return len(os.listdir(_TASKS))
    except OSError:
        return 1


def listing(denied=()):
    """For GET /packages, in a job: Python's version, and each package with its version and the modules that it has. Modules
    without a package stand for themselves, and have no version. denied: modules that are left out.
    """
    import importlib.metadata
    import pkgutil
    import platform

    places = [entry for entry in sys.path if os.path.isdir(entry) and not entry.startswith((sys.prefix + "/lib/python3.", "/tmp"))]
    modules = {}  # name to the first directory that has it
    for place in places:
        for module in pkgutil.iter_modules([place]):
            modules.setdefault(module.name, place)
    shown = {name for name in modules if not name.startswith("_") and name not in denied}
    packages, named = {}, set()
    for found in importlib.metadata.distributions(path=places):
        try:
            name = found.metadata["Name"]
            imports = [module for module in _modules_of(found, name) if module in shown] if name else []
            if imports and name.lower() not in packages:
                packages[name.lower()] = {"name": name, "version": _version_of(found, imports), "imports": sorted(imports)}
                named.update(imports)
        except Exception:  # what an interrupted installation has left: its modules stand for themselves
            continue
    for name in shown - named:
        packages.setdefault(name.lower(), {"name": name, "version": None, "imports": [name]})
    return {"python": platform.python_version(), "packages": [packages[name] for name in sorted(packages)]}


def names(denied=()):
    """For those who are told of them in a sentence, in a job: names of packages, the operator's first. Without numpy, pandas
    and matplotlib. denied: as above.
    """
    import pkgutil

    own = {module.name for module in pkgutil.iter_modules([_directory])} if _directory else set()
    found = [(own.isdisjoint(one["imports"]), one["name"].lower(), one["name"]) for one in listing(denied)["packages"]]
    return [name for _, key, name in sorted(found) if key not in ("numpy", "pandas", "matplotlib")]


def _modules_of(found, name):
    text = found.read_text("top_level.txt")
    if text is not None:
        return text.split()
    parts = {str(file).split("/")[0] for file in found.files or ()}
    return [part.partition(".")[0] for part in parts if "-info" not in part] or [name.replace("-", "_")]


def _version_of(found, imports):
    """That of the module which is there already: the operator's directory may have another numpy, which nobody imports."""
    for name in imports:
        module = sys.modules.get(name)
        if isinstance(getattr(module, "__version__", None), str):
            return module.__version__
    return found.version
