"""nginx in front of instances: nginx.conf as it is, but for the addresses."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

from instance import HERE, free_port

LINE = re.compile(r"^( *)server 127\.0\.0\.1:\d+(.*;)$", re.M)
READY_SECONDS = 20


class Front:
    """Runs in a directory of its own, on an unprivileged port of loopback."""

    def __init__(self, directory, ports):
        self.directory = directory / "front"
        self.directory.mkdir()
        os.chmod(self.directory, 0o755)  # nginx's workers are another user
        self.port = free_port()
        self.ports = list(ports)
        self.write(self.ports)
        self.output = (self.directory / "output").open("wb")
        self.process = subprocess.Popen([self.program(), "-p", self.directory, "-c", "nginx.conf", "-e", "error.log"],
                                        stdout=self.output, stderr=self.output, start_new_session=True)
        try:
            self.wait_until(self.answers, "does not listen")
        except BaseException:  # Ctrl-C too: nobody else knows of it yet
            self.stop()
            raise

    @staticmethod
    def program():
        found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not found:
            raise SystemExit("nginx is not installed: python_env/packages/install_packages.sh load")
        return found

    def write(self, ports):
        text = (HERE / "nginx.conf").read_text()
        form = LINE.search(text)
        rows = "\n".join(f"{form[1]}server 127.0.0.1:{port}{form[2]}" for port in ports)
        text = text[:form.start()] + rows + LINE.sub("", text[form.end():])
        text = text.replace("listen 127.0.0.1:8080", f"listen 127.0.0.1:{self.port}")
        (self.directory / "nginx.conf").write_text(text)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"nginx {what}: {self.said()}")
            time.sleep(0.01)

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self):
        return "".join(f.read_text(errors="replace")[-2000:] for f in self.directory.glob("*") if f.name in ("output", "error.log"))

    def workers(self):
        """Those that take requests; one that only finishes what it has is not among them."""
        out = subprocess.run(["pgrep", "-a", "-P", str(self.process.pid)], capture_output=True, text=True).stdout
        return {line.split()[0] for line in out.splitlines() if "shutting down" not in line}

    def use(self, ports):
        """Reloads; returns when processes with the new addresses take the requests."""
        before = self.workers()
        self.write(ports)
        self.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: (now := self.workers()) and not now & before, "did not reload")

    def without(self, port):
        self.use([other for other in self.ports if other != port])

    def with_all(self):
        self.use(self.ports)

    def retries(self):
        """What nginx noted about instances: those it tried in vain, by reason."""
        counts = {}
        for line in (self.directory / "error.log").read_text(errors="replace").splitlines():
            if " upstream" in line and (reason := re.search(r"#\d+: \*\d+ (.*?)(?:,| client:)", line)):
                text = re.sub(r"^.*failed \(\d+: (.*)\) (while .*)$", r"\1 \2", reason[1])
                counts[text] = counts.get(text, 0) + 1
        return counts

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # finishes what it has
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(10)
        self.output.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
