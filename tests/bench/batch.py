#!/usr/bin/env python3
"""What a batch costs those who send single requests, and what it takes of the server. usage: batch.sh [--jobs N] [--rounds N]

Single requests come at random moments (open loop), each timed from when it was meant to be sent: with nothing else
running, and while one batch always runs; in turn, for some rounds. Then one batch of N jobs alone.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import threading
import time
from pathlib import Path

import machine
from subjects import BUILD, Service, load

SCRIPT = "def main(n): return n * n"
CHUNK = 200  # lines


class Batch:
    """Jobs sent and answers checked over one connection, in threads, until all are answered or `stop` is called."""

    def __init__(self, service, count):
        self.count, self.done, self.stopped = count, 0, False
        self.peak_kb = 0
        self.connection = socket.create_connection((service.host, service.port))
        self.connection.sendall(
            b"POST /execute/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.receive)]
        self.begin = time.monotonic()
        for thread in self.threads:
            thread.start()

    def send(self):
        lines = [json.dumps({"defaults": True, "script": SCRIPT})]
        try:
            for begin in range(0, self.count, CHUNK):
                lines += [json.dumps({"id": n, "args": [n]}) for n in range(begin, min(begin + CHUNK, self.count))]
                data = ("\n".join(lines) + "\n").encode()
                lines = []
                self.connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
            self.connection.sendall(b"0\r\n\r\n")
        except OSError:
            if not self.stopped:
                raise

    def receive(self):
        file = self.connection.makefile("rb")
        while file.readline().strip():
            pass
        seen, rest = set(), b""
        try:
            while size := int(file.readline() or b"0", 16):
                rest += file.read(size)
                file.readline()
                *whole, rest = rest.split(b"\n")
                for answer in map(json.loads, whole):
                    if answer["result"] != answer["id"] ** 2 or answer["id"] in seen:
                        raise SystemExit(f"a wrong answer: {answer}")
                    seen.add(answer["id"])
                self.done = len(seen)
        except (OSError, ValueError):
            if not self.stopped:
                raise
        self.seconds = time.monotonic() - self.begin

    def wait(self):
        for thread in self.threads:
            thread.join()
        self.connection.close()
        return self.done

    def stop(self):
        self.stopped = True
        done, seconds = self.done, time.monotonic() - self.begin
        self.connection.shutdown(socket.SHUT_RDWR)
        self.wait()
        return done / seconds


def memory_kb(service, row):
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.split(row + ":")[1].split()[0])


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=100_000, help="of the batch that is run alone")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=6, help="of single requests, each time")
    options.add_argument("--share", type=float, default=0.1, help="of the closed loop's peak, at which they come")
    wanted = options.parse_args()
    load_before, whole_run = os.getloadavg()[0], machine.CpuClock()
    with Service() as service:
        print(machine.facts(service.health()["versions"], BUILD))
        service.wait_full()
        said = load(service.port, "trivial", "closed", "--connections", 8, "--seconds", 4)
        peak = said["ok"] / said["seconds"]
        rate = wanted.share * peak
        rows = {"alone": [], "beside a batch": []}
        batch_rates = []
        for number in range(wanted.rounds):
            for kind in sorted(rows, reverse=number % 2 == 1):
                service.wait_full()
                batch = Batch(service, 1_000_000) if kind == "beside a batch" else None
                service.wait_until(lambda: batch is None or batch.done > 50)
                said = load(service.port, "trivial", "open", "--rate", rate, "--seconds", wanted.seconds)
                rows[kind].append({p: said["latency_us"][p] for p in ("p50", "p99")})
                if batch:
                    batch_rates.append(batch.stop())
                    service.wait_until(lambda: service.health()["pool"]["running"] == 0)
        print(f"closed loop: {peak:.0f} jobs/s; single requests: {rate:.1f}/s")
        medians = {}
        for kind, rounds in rows.items():
            medians[kind] = {p: statistics.median(one[p] for one in rounds) for p in ("p50", "p99")}
            spread = ", ".join(f"{p} {min(one[p] for one in rounds) / 1000:.2f} to {max(one[p] for one in rounds) / 1000:.2f}" for p in medians[kind])
            print(f"{kind:15} p50 {medians[kind]['p50'] / 1000:.2f} ms, p99 {medians[kind]['p99'] / 1000:.2f} ms ({spread})")
        ratios = {p: medians["beside a batch"][p] / medians["alone"][p] for p in ("p50", "p99")}
        print(f"beside / alone: p50 {ratios['p50']:.2f}, p99 {ratios['p99']:.2f}; the batch meanwhile {statistics.median(batch_rates):.0f} jobs/s")

        before = memory_kb(service, "VmRSS")
        batch = Batch(service, wanted.jobs)
        done = batch.wait()
        print(f"a batch of {wanted.jobs} alone: {done} right answers in {batch.seconds:.1f} s, {done / batch.seconds:.0f} jobs/s; "
              f"the server's memory {before / 1024:.1f} MiB before, at most {memory_kb(service, 'VmHWM') / 1024:.1f} MiB")
    if disturbed := machine.disturbances(load_before, whole_run):
        print("disturbed: " + "; ".join(disturbed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
