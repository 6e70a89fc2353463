"""Modules among a job's files that are named as one that is imported beforehand: the script gets its own, as it would
from a Python that had just started.
"""

import _imp
import sys


class Shadowed:
    """Modules that are out of sight while a script runs."""

    def __init__(self, names):
        """names: of the job's files."""
        self.modules = {}
        for name in set(map(_module_of, names)):
            if name in sys.modules and not _always_first(name):
                inside = name + "."
                for found in [one for one in sys.modules if one == name or one.startswith(inside)]:
                    self.modules[found] = sys.modules.pop(found)

    def restore(self):
        """For what this service itself imports once the script has run."""
        sys.modules.update(self.modules)


def _module_of(name):
    first, _, rest = name.partition("/")
    if rest:
        return first if rest == "__init__.py" else ""
    return first[:-3] if first.endswith(".py") else ""


def _always_first(name):
    """Python finds these before it looks into the script's directory, or has them before it runs a script."""
    return name in sys.builtin_module_names or _imp.is_frozen(name) or name in ("encodings", "__main__") or name.startswith("_pyexec_")
