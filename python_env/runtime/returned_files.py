"""Takes up the files that a job was asked to return. Runs in the jail, with the rights of the job: what stands here
keeps honest what is returned, and bounded; it guards nothing that the script could not read by itself.
"""

import errno
import fnmatch
import os
import re
import stat
from collections import namedtuple

MOST_ENTRIES = 1_000_000  # of directories, that are looked at

Limits = namedtuple("Limits", "bytes count depth")

_ANY_DEPTH = "**"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_PIECE = 1 << 20
# Found before any script can rebind them.
_open, _close, _read, _fstat, _scandir = os.open, os.close, os.read, os.fstat, os.scandir
# A child or thread of the job took it away since its name was read, or put a link, a fifo or a socket in its place.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


class Refused(Exception):
    """Why the files cannot be returned, as text."""


def key_of(state):
    """What differs once a file was written again."""
    return state.st_mtime_ns, state.st_size, state.st_ino


def collect(directory, patterns, limits, before=None):
    """Returns [(name, bytes)], sorted by name, of the regular files below the directory that one of the patterns
    matches. Raises Refused.

    A pattern is relative to the directory. `*`, `?` and `[...]` match within one part of a name, dot-files too; the
    part `**` matches any number of parts, none too, but as the last one at least one: `out/**` is every file below
    out. Symbolic links are neither returned nor followed. What in a name is not UTF-8 is written as \\xff.

    """
    walk = _Walk(limits, before or {})
    states = _started({tuple(part for part in pattern.split("/") if part not in ("", ".")) for pattern in patterns})
    root = _open_at(None, directory, _DIRECTORY, ())
    if root is not None:
        try:
            walk.directory(root, (), states)
        finally:
            _close(root)
    return sorted(walk.files.items())


def _started(patterns):
    """What is left of each pattern to match; one that begins with `**` may also have that part behind it."""
    states = set()
    for rest in patterns:
        states.add(rest)
        while len(rest) > 1 and rest[0] == _ANY_DEPTH:
            rest = rest[1:]
            states.add(rest)
    return frozenset(state for state in states if state)


class _Walk:
    def __init__(self, limits, before):
        self.limits, self.before = limits, before
        self.files = {}
        self.bytes_left = limits.bytes
        self.entries = 0
        self.expressions = {}

    def matches(self, part, name):
        if part == _ANY_DEPTH:
            return True
        expression = self.expressions.get(part)
        if expression is None:
            expression = self.expressions[part] = re.compile(fnmatch.translate(part))
        return expression.match(name) is not None

    def directory(self, fd, above, states):
        """above: parts of its name. At most limits.depth of these calls are open at a time."""
        for name, is_directory in self.entries_of(fd, above):
            if is_directory:
                self.below(fd, (*above, name), states)
            elif any(len(state) == 1 and self.matches(state[0], name) for state in states):
                self.file(fd, (*above, name))

    def entries_of(self, fd, above):
        """Directories and regular files."""
        found = []
        try:
            with _scandir(fd) as entries:
                for entry in entries:
                    self.entries += 1
                    if self.entries > MOST_ENTRIES:
                        raise Refused(f"more than {MOST_ENTRIES} files and directories to look at")
                    if entry.is_dir(follow_symlinks=False):
                        found.append((entry.name, True))
                    elif entry.is_file(follow_symlinks=False):
                        found.append((entry.name, False))
        except OSError as error:
            raise _unreadable(above, error) from None
        return found

    def below(self, fd, parts, states):
        name = parts[-1]
        ahead = {state if state[0] == _ANY_DEPTH else state[1:] for state in states if self.matches(state[0], name)}
        ahead = _started(ahead)
        if not ahead:
            return
        if len(parts) > self.limits.depth:
            shown = _shown(parts) + "/..."
            raise Refused(f"{shown!r} lies deeper than the limit of {self.limits.depth} directories")
        inner = _open_at(fd, name, _DIRECTORY, parts)
        if inner is None:
            return
        try:
            self.directory(inner, parts, ahead)
        finally:
            _close(inner)

    def file(self, fd, parts):
        file = _open_at(fd, parts[-1], _FILE, parts)
        if file is None:
            return
        try:
            state = _fstat(file)
            if not stat.S_ISREG(state.st_mode):
                return
            if self.before.get(_shown(parts)) == key_of(state):
                return
            if len(self.files) == self.limits.count:
                raise Refused(f"{self.limits.count + 1} files match, more than the limit of {self.limits.count}")
            data = self.contents(file, state.st_size)
        except OSError as error:
            raise _unreadable(parts, error) from None
        finally:
            _close(file)
        name = _shown(parts)
        if name in self.files:
            raise Refused(f"two files are named {name!r}")  # only of names that are not UTF-8
        self.files[name] = data

    def contents(self, file, expected):
        """The file may grow while it is read."""
        pieces, size = [], 0
        while size <= self.bytes_left and expected <= self.bytes_left:
            piece = _read(file, min(_PIECE, self.bytes_left + 1 - size))
            if not piece:
                self.bytes_left -= size
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
        raise Refused(f"more than the limit of {self.limits.bytes} bytes")


def _open_at(fd, name, flags, parts):
    """None if it is no longer there."""
    try:
        return _open(name, flags, dir_fd=fd)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise _unreadable(parts, error) from None


def _shown(parts):
    return os.fsencode("/".join(parts)).decode("utf-8", "backslashreplace")


def _unreadable(parts, error):
    return Refused(f"{_shown(parts) or '.'!r} cannot be read: {error.strerror}")
