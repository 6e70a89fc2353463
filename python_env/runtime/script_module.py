"""The module that a script is: `script` and `__main__` in sys.modules, with its source in linecache, and with a file in
the working directory where it may be looked for.
"""

import contextlib
import linecache
import os
import sys
import types
from importlib.machinery import ModuleSpec

DEFAULT_DIRECTORY = "/tmp"
NAME = "script"
_FILENAME = f"{DEFAULT_DIRECTORY}/{NAME}.py"
MAIN_NAME, _CELL_FILENAME = "__main__", "<cell 1>"
SPARE_NAME = "__script__"  # where the client has sent a script.py of its own
# What a script, or a module that was sent with it, says if it may want the file. Each file costs a job what a hundredth
# of an empty one costs, and stands among those that the script lists.
MENTIONS = ("__file__", "argv", "spawn", "getfile", "getsourcefile", "co_filename", "runpy", "/tmp/script.py")

_BYTES_MENTIONS = [mention.encode() for mention in MENTIONS]
_prepared = []  # modules and their loaders, of `prepare`
directory = DEFAULT_DIRECTORY  # of the job: its TMPDIR


class Script:
    """filename: that of its code, whatever directory the job has."""

    __slots__ = ("source", "name", "filename", "called")

    def __init__(self, source, name, filename, called=None):
        """called: the function that there is to call, where there is no source."""
        self.source, self.name, self.filename, self.called = source, name, filename, called


class Loader:
    """Gives inspect, linecache and pickle the source of the script's module."""

    source, filename = "", ""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.source, self.filename, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return self.source

    def get_filename(self, name):
        return self.filename


def prepare():
    """Runs last in the zygote: makes what every run needs, so that a worker does not write to the pages it lies in."""
    _prepared.extend(_new_module(NAME) for _ in range(3))  # two of a worker's warm-up, and its job


def script_of(source, names=()):
    """names: of the files that were sent with it."""
    if f"{NAME}.py" in names or f"{NAME}/__init__.py" in names:
        return Script(source, SPARE_NAME, f"{DEFAULT_DIRECTORY}/{SPARE_NAME}.py")
    return Script(source, NAME, _FILENAME)


def cell_of(source):
    return Script(source, MAIN_NAME, _CELL_FILENAME)


def make(script):
    """Returns the module, with nothing run in it. `__name__` is not `__main__`: what a script guards by that it would do
    itself, the service does.
    """
    if script.name == MAIN_NAME:
        module = types.ModuleType(MAIN_NAME)
        sys.argv[0] = ""
    else:
        module, loader = _prepared.pop() if _prepared and script.name == NAME else _new_module(script.name)
        loader.source = script.source
    if script.name != NAME:  # what a worker's warm-up has left stands for another file now
        sys.modules.pop(NAME, None)
        linecache.cache.clear()
    if script.name != MAIN_NAME and (directory != DEFAULT_DIRECTORY or script.name != NAME):
        module.__file__ = sys.argv[0] = f"{directory}/{script.name}.py"
    remember_source(script)
    sys.modules[script.name] = sys.modules["__main__"] = module
    return module


def remember_source(script):
    """For tracebacks."""
    # No modification time: linecache.checkcache keeps the entry.
    linecache.cache[script.filename] = (len(script.source), None, _lines_of(script.source), script.filename)


def _lines_of(source):
    """As Python counts them. source: one that compiles, and so has no NUL."""
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    lines = source.replace("\n", "\n\0").split("\0")
    if lines[-1]:
        lines[-1] += "\n"
    else:
        lines.pop()
    return lines


def file_for(script, files, patterns, mode):
    """Writes the script's own file, if it may be looked for; None if not. To be there before the script runs.

    files: (name, bytes) of those that were sent with it; patterns: of files that are returned. mode: of open(), which
    decides whether it takes the place of another.
    """
    name = f"{script.name}.py"
    is_returned = bool(patterns) and name in map(os.path.normpath, patterns)
    if is_returned or _mentions_it(script.source) or files and any(map(_may_look, files)):
        return File(name, script.source, is_returned, mode)
    return None


def _mentions_it(source):
    for mention in MENTIONS:
        if mention in source:
            return True
    return False


class File:
    """The script's own. is_returned: the client asks for it by its name."""

    def __init__(self, name, source, is_returned, mode):
        self.path = os.path.join(directory, name)
        self.data = source.encode("utf-8", "surrogatepass")
        self.is_left = is_returned
        try:
            with open(self.path, mode) as file:
                file.write(self.data)
        except OSError:  # no place to write
            self.is_left = True

    def take_away(self):
        """Before files are returned; not if the script has put another in its place."""
        if self.is_left:
            return
        with contextlib.suppress(OSError):
            with open(self.path, "rb") as file:
                is_own = file.read(len(self.data) + 1) == self.data
            if is_own:
                os.unlink(self.path)


def _may_look(file):
    name, data = file
    return name.endswith(".py") and any(mention in data for mention in _BYTES_MENTIONS)


def _new_module(name):
    loader = Loader()
    loader.filename = f"{DEFAULT_DIRECTORY}/{name}.py"
    spec = ModuleSpec(name, loader, origin=loader.filename)
    spec.has_location = True
    module = types.ModuleType(name)
    module.__spec__ = spec
    module.__loader__ = loader
    module.__file__ = loader.filename
    return module, loader
