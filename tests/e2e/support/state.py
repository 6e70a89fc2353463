"""What a running service tells of its state, and the sockets that it has."""

from prometheus_client.parser import text_string_to_metric_families


def pool_of(service):
    return service.health()["pool"]


class Scrape:
    """The samples of one GET /metrics, by name and label values."""

    def __init__(self, service):
        answer = service.request("GET", "/metrics")
        assert answer.status == 200
        self.families = {family.name: family for family in text_string_to_metric_families(answer.raw.decode())}
        self.samples = {(s.name, *s.labels.values()): s.value for family in self.families.values() for s in family.samples}

    def __getitem__(self, key):
        return self.samples[key]

    def times(self, phase, of="request"):
        """Returns the count, and the sum in seconds."""
        return tuple(self.samples[f"pyexec_{of}_phase_seconds_{what}", phase] for what in ("count", "sum"))


def open_sockets(service, *states):
    """Returns the number of connections of clients that are established, or in other states of the kernel: 08 is one
    that the client alone has closed."""
    wanted = f"{service.port:04X}"
    rows = [line.split() for line in open("/proc/net/tcp").read().splitlines()[1:]]
    return sum(row[1].endswith(":" + wanted) and row[3] in (states or ("01",)) for row in rows)
