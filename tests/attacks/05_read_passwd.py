"""Read the host's users."""


def attack(target):
    return "root:" in open("/etc/passwd").read()
