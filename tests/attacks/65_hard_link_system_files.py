"""Keep a second name of a system file, in scratch or beside it, to wait for a hole in it or to change it by."""
import os


def attack(target):
    linked = []
    sources = ("/usr/bin/env", "/usr/bin/su", "/etc/ld.so.cache", "/dev/null", os.__file__)
    for source in sources:
        for place in (os.getcwd(), os.path.dirname(source), "/dev/shm"):
            name = os.path.join(place, "pyexec-link")
            try:
                os.link(source, name)
                os.unlink(name)
                linked.append([source, place])
            except OSError:
                pass
    return linked
