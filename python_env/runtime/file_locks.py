"""Makes up for what a jail without record locks takes from the standard library (worker/job/sqlite_locks.h). Runs in the
zygote."""

import contextlib
import ctypes
import functools
import shutil

_POINTER = ctypes.c_void_p


class _FileSystemLayer(ctypes.Structure):
    """sqlite3_vfs, as SQLite documents it, from version 3 of that structure on."""

    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        *((name, _POINTER) for name in (
            "pNext", "zName", "pAppData", "xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError",
            "xDlSym", "xDlClose", "xRandomness", "xSleep", "xCurrentTime", "xGetLastError", "xCurrentTimeInt64")),
        ("xSetSystemCall", ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_char_p, _POINTER)),
    ]


def _layer(sqlite, name):
    sqlite.sqlite3_vfs_find.restype = ctypes.POINTER(_FileSystemLayer)
    layer = sqlite.sqlite3_vfs_find(name)
    if not layer:
        raise RuntimeError("SQLite has not the file system layers that it had")
    return layer


def _lock_within_process(sqlite, function):
    layer = _layer(sqlite, b"unix")
    if layer.contents.iVersion < 3 or layer.contents.xSetSystemCall(layer, b"fcntl", function) != 0:
        raise RuntimeError("SQLite lets its system calls be replaced no more")


def _lock_by_files(sqlite):
    """SQLite's default layer becomes the one that takes a lock, of one kind only, by making a file."""
    sqlite.sqlite3_vfs_register.argtypes = [_POINTER, ctypes.c_int]
    if sqlite.sqlite3_vfs_register(_layer(sqlite, b"unix-dotfile"), 1) != 0:
        raise RuntimeError("SQLite has no layer that locks by files")


def _copy_without_times():
    """No call that sets the times of a file is left (sandbox/policy/confined_policy.cc): who copies a file with its times gets
    it with the rest of its attributes."""
    copy_attributes = shutil.copystat

    def copystat(src, dst, *, follow_symlinks=True):
        try:
            copy_attributes(src, dst, follow_symlinks=follow_symlinks)
        except PermissionError:
            with contextlib.suppress(PermissionError):
                shutil.copymode(src, dst, follow_symlinks=follow_symlinks)

    shutil.copystat = functools.wraps(copy_attributes)(copystat)


def set_up(locking, function):
    """locking: "by_kernel", "within_process" or "by_files". function: address of lock_within_process."""
    if locking == "by_kernel":
        return
    sqlite = ctypes.CDLL("libsqlite3.so.0")
    if locking == "within_process":
        _lock_within_process(sqlite, function)
        _copy_without_times()
    else:
        _lock_by_files(sqlite)
