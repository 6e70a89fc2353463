"""What the zygote knows that a job is not to find: names of the host, and what was true before the jail was there. Runs
in the zygote, last; and what of it a job asks for, in the job.
"""

import grp
import io
import os
import platform
import pwd
import select
import sys
import uuid

ACCOUNT = "pyexec"
_LISTING = sys.path_importer_cache
_ROOT, _NOBODY = 0, 65534
_write_some = io.FileIO.write


def forget_host():
    """What modules have kept of the machine and of the descriptors that the zygote has."""
    platform._uname_cache = None  # the host's name
    platform._platform_cache.clear()
    uuid._node = None  # of its network card
    for directory in [one for one in _LISTING if not one.startswith(("/usr/lib/", sys.prefix + "/lib/"))]:
        del _LISTING[directory]  # names of files
    _renew_stdio()


def make_accounts():
    """A jail has no /etc/passwd, which would tell of the host; the functions that read it know three accounts."""
    pwd.getpwuid, pwd.getpwnam, pwd.getpwall = _user_by_id, _user_by_name, _users
    grp.getgrgid, grp.getgrnam, grp.getgrall = _group_by_id, _group_by_name, _groups


def new_stdin():
    """For another descriptor 0: objects remember whether they can seek."""
    new = io.TextIOWrapper(_raw(0, "rb"), **_like(sys.__stdin__))
    new.mode = "r"
    return new


def _renew_stdio():
    """Made on pipes, as jobs have them: objects remember whether they can seek."""
    read_end, write_end = os.pipe()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, f"__{name}__")
        kept = os.dup(descriptor)
        os.dup2(write_end, descriptor)
        raw = _raw(descriptor, "wb")
        raw.seekable()
        new = io.TextIOWrapper(raw, write_through=True, **_like(old))
        new.mode = "w"
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
        os.dup2(kept, descriptor)
        os.close(kept)
    os.close(read_end)
    os.close(write_end)


class _Unbuffered(io.FileIO):
    """Writes all that it is given. The kernel takes less where a signal comes, or where a pipe is full that somebody has
    told not to block; nobody above this looks at how much.
    """

    def write(self, data, /):
        written, size = _write_some(self, data), memoryview(data).nbytes
        if written == size:
            return written
        rest = memoryview(data).cast("B")
        while True:
            rest = rest[written or 0 :]
            if not rest:
                return size
            if written is None:
                room = select.poll()
                room.register(self.fileno(), select.POLLOUT)
                room.poll()
            written = _write_some(self, rest)


def _raw(descriptor, mode):
    """Unbuffered to write to: what was printed before a crash or a kill is not lost."""
    kind = open if "r" in mode else _Unbuffered
    file = kind(descriptor, mode, closefd=False)
    getattr(file, "raw", file).name = ("<stdin>", "<stdout>", "<stderr>")[descriptor]
    return file


def _like(old):
    return {"encoding": old.encoding, "errors": old.errors, "newline": "\n"}


def _users():
    own = (ACCOUNT, "x", os.getuid(), os.getgid(), "", os.environ.get("HOME", "/tmp"), "/bin/sh")
    root = ("root", "x", _ROOT, _ROOT, "", "/root", "/bin/sh")
    nobody = ("nobody", "x", _NOBODY, _NOBODY, "", "/nonexistent", "/bin/sh")
    return [pwd.struct_passwd(entry) for entry in _distinct(own, root, nobody)]


def _groups():
    own, root, nobody = (ACCOUNT, "x", os.getgid(), []), ("root", "x", _ROOT, []), ("nogroup", "x", _NOBODY, [])
    return [grp.struct_group(entry) for entry in _distinct(own, root, nobody)]


def _distinct(*entries):
    """Without those of a number that stands before them."""
    return {entry[2]: entry for entry in reversed(entries)}.values()


def _find(entries, place, wanted, problem):
    for entry in entries:
        if entry[place] == wanted:
            return entry
    raise KeyError(problem)


def _user_by_id(uid, /):
    return _find(_users(), 2, uid, f"getpwuid(): uid not found: {uid}")


def _user_by_name(name, /):
    return _find(_users(), 0, name, f"getpwnam(): name not found: {name!r}")


def _group_by_id(gid, /):
    return _find(_groups(), 2, gid, f"getgrgid(): gid not found: {gid}")


def _group_by_name(name, /):
    return _find(_groups(), 0, name, f"getgrnam(): name not found: {name!r}")
