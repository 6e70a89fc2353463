"""Connect to a listener on the host's loopback."""
import socket


def attack(target):
    with socket.create_connection(("127.0.0.1", target["tcp_port"]), 2) as connection:
        return connection.recv(5) == b"hello"
