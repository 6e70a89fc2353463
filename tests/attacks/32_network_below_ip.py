"""Read and write the wire, ping, reconfigure the network: raw, packet and netlink sockets."""
import socket


def attack(target):
    made = []
    for name, arguments in {
        "udp": (socket.AF_INET, socket.SOCK_DGRAM),
        "icmp": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "icmp6": (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
        "packet": (socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)),
        "route": (socket.AF_NETLINK, socket.SOCK_RAW, 0),
        "audit": (socket.AF_NETLINK, socket.SOCK_RAW, 9),
        "netfilter": (socket.AF_NETLINK, socket.SOCK_RAW, 12),
        "uevent": (socket.AF_NETLINK, socket.SOCK_RAW, 15),
    }.items():
        try:
            socket.socket(*arguments).close()
            made.append(name)
        except OSError:
            pass
    return made
