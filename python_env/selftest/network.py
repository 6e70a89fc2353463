# Sockets of every family.
# A part of the self-test: attack.py comes before it.

import errno
import socket


@attack
def network_every_family():
    """Make a socket of any family."""
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
    return any_of({
        f"{family}/{kind}": lambda family=family, kind=kind: socket.socket(family, kind).close()
        for family in range(46) for kind in kinds
    })


@attack
def network_server_loopback():
    """Connect to a listener of the host."""
    with socket.socket() as connection:
        connection.settimeout(0.05)
        connection.connect(("127.0.0.1", TARGET["tcp_port"]))  # noqa: F821
        return "connected"


@attack
def network_own_loopback():
    """Listen on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return f"listens on {listener.getsockname()[1]}"


@attack
def network_metadata_server():
    """Ask the cloud's metadata server, which hands out tokens."""
    with socket.socket() as connection:
        connection.setblocking(False)
        result = connection.connect_ex(("169.254.169.254", 80))
        return f"connect gave {errno.errorcode.get(result, result)}"


@attack
def network_udp():
    """Send a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        return f"sent {sender.sendto(b'x', ('127.0.0.1', TARGET['tcp_port']))} byte"  # noqa: F821


@attack
def network_raw():
    """Make a raw socket."""
    return any_of({
        "icmp": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
        "ping": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close(),
        "raw6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58).close(),
    })


@attack
def network_packet():
    """Read the wire."""
    socket.socket(17, socket.SOCK_RAW, socket.htons(3)).close()
    return "a packet socket"


@attack
def network_netlink():
    """Talk to the kernel's network configuration, audit and uevents."""
    return any_of({
        protocol: lambda protocol=protocol: socket.socket(16, socket.SOCK_RAW, protocol).close()
        for protocol in (0, 4, 9, 12, 15, 16)
    })


@attack
def network_crypto():
    """Make an AF_ALG socket (CVE-2026-31431 began so)."""
    socket.socket(38, socket.SOCK_SEQPACKET).close()
    return "an AF_ALG socket"


@attack
def network_vsock():
    """Make a socket to the hypervisor."""
    socket.socket(40, socket.SOCK_STREAM).close()
    return "an AF_VSOCK socket"


@attack
def network_abstract_unix():
    """Connect to an abstract Unix socket of the host."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        connection.connect("\0" + TARGET["abstract_name"])  # noqa: F821
        return "connected"


@attack
def network_unix_datagram():
    """Have the kernel name one end of a datagram pair, and send to it from another pair, as another job would."""
    def attempt(kind):
        pairs = [socket.socketpair(socket.AF_UNIX, kind) for _ in range(2)]
        (listening, peer), (sending, _) = pairs
        try:
            for end in (listening, sending):
                end.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            listening.send(b"x")  # who asks for credentials is given a name before it sends
            peer.close()
            try:
                listening.send(b"x")
            except ConnectionRefusedError:
                pass  # now it is nobody's peer, and hears everybody
            sending.sendto(b"x", listening.getsockname())
            return bool(listening.recv(1))
        finally:
            for end in (*pairs[0], *pairs[1]):
                end.close()

    return any_of({
        "datagram": lambda: attempt(socket.SOCK_DGRAM),
        "raw": lambda: attempt(socket.SOCK_RAW),
    })


@attack
def network_unix_name():
    """Give one end of a pair a name, at which others could send or connect."""
    got = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        try:
            ends = socket.socketpair(socket.AF_UNIX, kind)
        except OSError:
            continue
        with ends[0], ends[1]:
            try:
                ends[0].bind("")
                got.append(repr(ends[0].getsockname()))
            except OSError:
                pass
    return " ".join(got)


@attack
def network_pairs_of_other_families():
    """Make a pair of another family; that it has no pairs is found out only after two sockets were made."""
    got = []
    for family in (0, *range(2, 46)):
        try:
            ends = socket.socketpair(family, socket.SOCK_STREAM)
            ends[0].close()
            ends[1].close()
            got.append(str(family))
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                got.append(str(family))
    return " ".join(got)


@attack
def network_forced_buffers():
    """Have the kernel hold more unread bytes than its limits let one."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        return any_of({
            "SO_SNDBUFFORCE": lambda: ends[0].setsockopt(socket.SOL_SOCKET, 32, 1 << 26),
            "SO_RCVBUFFORCE": lambda: ends[0].setsockopt(socket.SOL_SOCKET, 33, 1 << 26),
        })
