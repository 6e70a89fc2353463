"""What is done when a script imports a certain module, and not before: most jobs do not."""

import errno
import importlib.util
import sys

_NO_MANAGER = (
    "a Manager is a server that listens on a socket, and scripts have no sockets here; "
    "a Pool, Queue, Pipe, Value or Array needs none"
)


class Hooks:
    """A finder that leaves the finding to the others, and calls a function of the module once it is there."""

    def __init__(self):
        self.patches = dict(_PATCHES)

    def install(self):
        sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        patch = self.patches.pop(name, None)
        if patch is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is not None and (spec.origin or "").startswith(sys.prefix + "/lib/"):  # not one that was sent with a script
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                patch(module)

            spec.loader.exec_module = exec_module
        return spec


def _managers(module):
    def start(self, *arguments, **named):
        raise PermissionError(errno.EPERM, _NO_MANAGER)

    module.BaseManager.start = start


def _spawn(module):
    """A child finds the script as a module once it is sent something of it; run beforehand, it would run twice."""
    prepared = module.get_preparation_data

    def get_preparation_data(name):
        return {key: value for key, value in prepared(name).items() if not key.startswith("init_main_")}

    module.get_preparation_data = get_preparation_data


_PATCHES = {"multiprocessing.managers": _managers, "multiprocessing.spawn": _spawn}
