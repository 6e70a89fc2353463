"""Which jails a service keeps for the next job, and why it throws others away."""

from state import Scrape

MOST_JOBS = 1_000  # of a jail (sandbox/makers/kept_jail.cc)
# At most so many jails are in turn if one worker is parked: the kernel takes some milliseconds to close their files.
SLOTS = 12
SOME = 4  # of them
RETURNS = "def main(): return 1"


def run(service, script):
    """Time limits are for jobs that do not end by themselves: another may take long beside much else."""
    limit = {"timeout_ms": 300} if "while True" in script else {}
    return service.post({"script": script, **limit})


def check_kept(service, script):
    """That a job leaves its jail for the next one."""
    for _ in range(SLOTS):  # jails without such a job before them
        service.execute(RETURNS)
    jails = Jails(service)
    for _ in range(SLOTS + SOME):
        run(service, script)
    news = jails.news()
    assert news["kept"] >= SOME and news.keys() <= {"kept", "made"}, news


class Jails:
    """Which jails a service makes and keeps. The worker that is parked was made after the last job."""

    def __init__(self, service):
        self.service = service
        self.counts = self.read()

    def read(self):
        self.service.wait_full()
        samples = Scrape(self.service).samples
        return {key[1:]: value for key, value in samples.items() if key[0] in ("pyexec_jails_total", "pyexec_jails_lost_total")}

    def news(self):
        """What was counted since the last call."""
        before, self.counts = self.counts, self.read()
        return {key[0]: int(value - before[key]) for key, value in self.counts.items() if value != before[key]}

    def lost(self):
        """The reasons for which jails were thrown away since the last call; waits for one."""
        found = {}
        def some():
            for name, count in self.news().items():
                if name not in ("made", "kept"):
                    found[name] = found.get(name, 0) + count
            return found
        self.service.wait_until(some)
        return found
