"""Run once, in the zygote: imports what most scripts import, and runs a few representative scripts so
that what they initialise lazily is initialised before workers are forked. Touches no file but for a
temporary one of plots.py, and no socket.
"""

import _pyexec_plots as plots

_font_list = plots.FontList()

import ast  # noqa: F401  (each name here is an import that scripts need not pay for)
import asyncio  # noqa: F401
import base64  # noqa: F401
import collections  # noqa: F401
import concurrent.futures  # noqa: F401
import copy  # noqa: F401
import csv  # noqa: F401
import ctypes
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import enum  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import gc
import hashlib  # noqa: F401
import inspect  # noqa: F401
import io  # noqa: F401
import itertools  # noqa: F401
import json  # noqa: F401
import linecache
import math  # noqa: F401
import operator  # noqa: F401
import os  # noqa: F401
import random
import re  # noqa: F401
import sqlite3  # noqa: F401
import statistics  # noqa: F401
import string  # noqa: F401
import subprocess  # noqa: F401
import sys
import tempfile
import textwrap  # noqa: F401
import threading  # noqa: F401
import time  # noqa: F401
import typing  # noqa: F401
import uuid  # noqa: F401

import numpy
import pandas

import _pyexec_file_locks as file_locks
import _pyexec_import_hooks as import_hooks
import _pyexec_world as world

_REPRESENTATIVE = (
    "def main():\n    return {'a': 1}\n",
    "def main():\n    raise ValueError('x')\n",
    "class A: pass\ndef main():\n    return A()\n",
    "def main(:\n",
    "import pandas as pd\ndef main():\n    s = pd.Series([1, 2, 3])\n    print(len(s))\n"
    "    return {'sum': int(s.sum()), 'text': str(s)}\n",
    "import pandas as pd\nimport numpy as np\ndef main():\n"
    "    d = pd.DataFrame({'x': np.arange(1, 11), 'y': np.arange(1, 11) ** 2, 'n': list('aabbccddee')})\n"
    "    print(d.head(), d.describe())\n"
    "    g = d.groupby('n')['x'].mean()\n"
    "    return {'c': float(d['x'].corr(d['y'])), 'm': float(d['y'].mean()), 'g': len(g), 't': d.to_dict()}\n",
    "import pandas as pd\nimport numpy as np\nimport datetime\ndef main():\n"
    "    d = pd.DataFrame({'x': np.arange(3), 'y': np.arange(3) / 2, 't': pd.date_range('2020-01-01', periods=3)})\n"
    "    return [d, d['x'], d.index, d['x'].to_numpy(), d['y'].sum(), d['x'].sum(), datetime.date(2020, 1, 1), {1, 2}]\n",
)
# Runs of a small script after which Python has stopped to adapt the code that runs it, and finds each attribute in its
# cache: what a worker would write to for that are pages of its own (16 fewer of 226, Python 3.11).
_SETTLING = 30


def warm(runner, locking, lock_within_process):
    """runner: the module runner.py; the others as in file_locks.set_up. Leaves the interpreter as a script should find
    it."""
    file_locks.set_up(locking, lock_within_process)
    # A guard for servers against slow conversions; a script has a deadline, and its integers are data.
    sys.set_int_max_str_digits(0)
    own_main = sys.modules["__main__"]
    gc.freeze()  # else each run looks through all that was imported (leftovers.py): 20 ms, 74 times
    for source in (*_REPRESENTATIVE, *_REPRESENTATIVE[:1] * _SETTLING):
        runner.run(source, 1 << 20, 1 << 16)
        runner.run(source, 1 << 20, 1 << 16, None, (True, [], 0, 0, 0, ["none"]))
    gc.unfreeze()
    sys.modules.pop("script", None)  # what the scripts left
    sys.modules["__main__"] = own_main
    linecache.clearcache()
    tempfile.tempdir = None
    _font_list.install()
    import_hooks.Hooks().install()
    world.make_accounts()
    world.forget_host()
    # Not earlier: whoever can write to the host's /tmp would have modules of his own imported here.
    sys.path.insert(0, "/tmp")
    sys.argv = ["/tmp/script.py"]
    random.seed()  # forgets half of a pair of gauss(), too
    numpy.random.seed()  # also forgets the entropy that every worker would share
    runner.prepare()


def seal():
    """Runs last: no worker will look at what is garbage now, or reuse what lies freed between what stays."""
    gc.collect()
    gc.freeze()


def numpy_random_state():
    """Address of the state of numpy's global generator: 624 words of 32 bits, then the index of the next one."""
    bits = numpy.random.get_bit_generator()
    name, key, position, has_gauss, _ = numpy.random.get_state()
    state = (ctypes.c_uint32 * 625).from_address(bits.ctypes.state_address)
    if name != "MT19937" or has_gauss or list(state) != [*key.tolist(), position]:
        raise RuntimeError("numpy keeps the state of its generator in another way")
    if getattr(bits, "_seed_seq", None) is not None:
        raise RuntimeError("numpy's generator keeps what it was seeded with, from which jobs could spawn the same others")
    return bits.ctypes.state_address


def versions():
    """Version texts for the server's /health: Python, numpy, pandas."""
    return sys.version.split()[0], numpy.__version__, pandas.__version__
