"""What the cells of a session have in common: the module whose names one finds as the one before left them. Each state
of a session is a process of its own, which is forked for the next cell; this is the state's copy.
"""

import linecache
import random
import sys
import types

import _pyexec_script_module as script_module
import _pyexec_templates as templates
from _pyexec_script_module import MAIN_NAME

_module = None  # nothing has run yet
_random_state = None
# Found before any script can rebind them.
_get_random, _set_random = random.getstate, random.setstate


def script_for(source, names, options):
    """names: of the files that were sent with it. options: ReportOptions."""
    if options.is_call:
        return script_module.Script("", MAIN_NAME, f"<call of {source}>", source)
    script = script_module.cell_of(source) if options.is_cell else script_module.script_of(source, names)
    if options.template == templates.SETUP:
        script.filename = templates.NAME
    elif options.session_cell and not options.template:
        script.filename = f"<cell {options.session_cell - 1}>"
    return script


def module_for(script):
    """With the names of the cells before. A script is not `__main__` while it runs, as everywhere."""
    global _module
    if _module is None:
        _module = types.ModuleType(MAIN_NAME)
        sys.modules.pop(script_module.NAME, None)  # a worker's warm-up
        linecache.cache.clear()
    names = _module.__dict__
    names["__name__"] = script.name
    if script.name == MAIN_NAME:
        sys.argv[0] = ""
        names.pop("__file__", None)
    else:
        names.pop("main", None)  # of a script before: this one has its own, or none
        names["__file__"] = sys.argv[0] = f"{script_module.directory}/{script.name}.py"
        sys.modules[script.name] = _module
    if script.source:
        script_module.remember_source(script)
    sys.modules["__main__"] = _module
    return _module


def before_fork():
    """Python gives a forked process another random state. Here it belongs to what the next cell goes on from."""
    global _random_state
    _random_state = _get_random()


def after_fork():
    """In the new process."""
    global _random_state
    _set_random(_random_state)
    _random_state = None
