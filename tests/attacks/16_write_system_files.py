"""Write where the interpreter and other programs are read from."""
import os


def attack(target):
    written = []
    packages = "/usr/lib/python3/dist-packages"
    for folder in ("/", "/etc", "/etc/alternatives", "/usr", "/usr/bin", "/usr/lib", packages, "/dev", "/bin/"):
        path = os.path.join(folder, "pyexec-attack")
        try:
            open(path, "w").close()
            os.unlink(path)
            written.append(folder)
        except OSError:
            pass
    return written
