"""Splice a read-only file's pages into a pipe (CVE-2022-0847 began so)."""
import os


def attack(target):
    source = os.open("/usr/bin/env", os.O_RDONLY)
    reader, writer = os.pipe()
    return os.splice(source, writer, 1, offset_src=1) == 1
