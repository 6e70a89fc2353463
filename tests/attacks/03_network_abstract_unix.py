"""Reach an abstract Unix socket of the host."""
import socket


def attack(target):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + target["abstract_name"])
        return True
