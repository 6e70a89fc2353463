"""Which files in the working directory a cell has written: those that were there before it are not returned."""

import contextlib
import os

import _pyexec_returned_files as returned_files

before = {}  # what the files were, for returned_files.collect


def note(directory):
    """Before the cell runs, and after the files that were sent with it are there."""
    before.clear()
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                before[entry.name] = returned_files.key_of(os.stat(entry.path))
