"""The accounts and groups of the host, by way of the functions that read its files."""
import grp
import pwd


def attack(target):
    known = {"pyexec", "root", "nobody", "nogroup"}
    return [entry[0] for entry in (*pwd.getpwall(), *grp.getgrall()) if entry[0] not in known]
