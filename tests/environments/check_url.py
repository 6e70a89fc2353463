#!/usr/bin/env python3
"""Checks a running pyexec from outside: its level, the seed examples, every attack. usage: check_url.py URL [options]

Prints one line of JSON for run.sh: level, attacks run, blocked, succeeded, seeds passed of how many, what went wrong;
with --summary, text for people. PYEXEC_KEY is sent as an API key, PYEXEC_TOKEN as an identity token of Cloud Run, which
takes it from a header of its own where Authorization is somebody else's. That the attacks work outside a jail is shown by tests/e2e/isolation/test_attacks.py.
"""

import argparse
import ast
import functools
import http.client
import json
import math
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "e2e/support"))
sys.dont_write_bytecode = True

from jailed_attack import ALL_LEVELS, JAILED  # noqa: E402

EXAMPLES = TESTS / "e2e/support/contract.jsonl"
ATTACKS = sorted((TESTS / "attacks").glob("*.py"))
SCRIPT_CAP_BYTES = 200 * 1024
ANSWER_SECONDS = 120  # gVisor is slow
SHORT_LIMIT_MS = 2000
SHOWN = 300
CREDENTIALS = {"Authorization": "PYEXEC_KEY", "X-Serverless-Authorization": "PYEXEC_TOKEN"}


class Service:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.address = parts.netloc
        self.connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.credentials = {header: f"Bearer {os.environ[variable]}" for header, variable in CREDENTIALS.items()
                            if os.environ.get(variable)}

    def request(self, method, path, body=None):
        """The status and the bytes of the answer."""
        connection = self.connect(self.address, timeout=ANSWER_SECONDS)
        try:
            kind = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, body, self.credentials | kind)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def execute(self, script):
        return self.request("POST", "/execute", json.dumps({"script": script}))


def close_to(got, want):
    if isinstance(want, float):
        return isinstance(got, (int, float)) and math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-12)
    if isinstance(want, dict):
        return isinstance(got, dict) and got.keys() == want.keys() and all(close_to(got[k], want[k]) for k in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(close_to, got, want))
    return got == want


def differences(example, status, raw, has_own_root):
    """What an answer lacks of what its example expects."""
    expected = example["expect"]
    if example["id"] == "jail/remove-passwd" and not has_own_root:
        return [] if b"Permission denied" in raw else ["a permission error"]
    if status != expected["status"]:
        return [f"status {status}"]
    if "body" in expected and raw != json.dumps(expected["body"]).encode():
        return ["body"]
    body = json.loads(raw)
    checks = {
        "keys": lambda want: list(body) == want,
        "contains": lambda want: all(body.get(key) == value for key, value in want.items()),
        "approx": lambda want: close_to(body["result"], want["result"]) and body["stdout"] == want["stdout"],
        "result": lambda want: body["result"] == want,
        "stdout": lambda want: body["stdout"] == want,
        "error_contains": lambda want: want in body["error"],
        "error_starts": lambda want: body["error"].startswith(want),
    }
    unknown = expected.keys() - checks.keys() - {"status", "body", "note"}
    return [f"cannot check {key}" for key in sorted(unknown)] + [
        key for key, check in checks.items() if key in expected and not check(expected[key])
    ]


def run_examples(service, skipped_path, report):
    for line in EXAMPLES.read_text().splitlines():
        example = json.loads(line)
        if example["path"] == skipped_path:
            report["not_promised"].append(f"example {example['id']}: {skipped_path} was not asked for")
            continue
        if "without_scratch" in example and not report["scratch"]:
            example["expect"] = example["without_scratch"]
        body = {"script": "#" * (SCRIPT_CAP_BYTES + 1)} if "body_generated" in example else example.get("body")
        if example.get("note") == "run with a short limit":
            body["timeout_ms"] = SHORT_LIMIT_MS
        report["seeds"] += 1
        try:
            data = None if body is None else json.dumps(body)
            status, raw = service.request(example["method"], example["path"], data)
            wrong = differences(example, status, raw, report["level"] >= 3)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            status, raw, wrong = 0, b"", [repr(error)]
        if wrong:
            report["failures"].append(f"seed {example['id']}: {', '.join(wrong)}: {raw[:SHOWN]!r}")
        else:
            report["passed"] += 1


def ask(service, method, path, *expected, **body):
    status, raw = service.request(method, path, json.dumps(body) if body else None)
    if status not in expected:
        raise ValueError(f"{method} {path} {body}: status {status}: {raw[:SHOWN]!r}")
    return json.loads(raw) if raw else {}


def run_example(name, run, elsewhere, report):
    """elsewhere: the status that says that a request came to another instance than the one before."""
    report["seeds"] += 1
    try:
        run()
        report["passed"] += 1
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        if f"status {elsewhere}" in str(error):
            report["not_promised"].append(f"{name}s over several instances")
            report["seeds"] -= 1
        else:
            report["failures"].append(f"{name}: {error}")


def run_template(service, has_scratch):
    """One more example: a set-up, a call, and jobs that leave what the next one must not find."""
    name = ask(service, "PUT", "/templates", 200, 201, code="import os\nx = 1\ndef f(n): return n + x")["template"]
    try:
        execute = functools.partial(ask, service, "POST", "/execute", 200, template=name)
        leave, look = "x = 5; x", "[x, []]"
        if has_scratch:
            leave = "x = 5; open(os.environ['TMPDIR'] + '/left', 'w').write('x'); x"
            look = "[x, os.listdir(os.environ['TMPDIR'])]"
        values = [execute(call="f", args=[2]), execute(code=leave), execute(code=look), execute(code="x = 7"), execute(code=look)]
        results = [value["result"] for value in values]
        if results != [3, 5, [1, []], None, [1, []]]:
            raise ValueError(f"the jobs of a template say {results}")
    finally:
        ask(service, "DELETE", f"/templates/{name}", 204, 404)


def run_tools(service):
    """One more example: a script that calls functions of its caller's, in threads and in an event loop."""
    code = ("from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n"
            "    doubled = list(pool.map(double, range(3)))\ndoubled + [double(5)]")
    awaits = "import asyncio\nawait asyncio.gather(*[double(n) for n in range(3)], double(5))"
    for style, text in (("sync", code), ("async", awaits)):
        answer = ask(service, "POST", "/execute", 200, code=text, tools=["double"], tools_style=style)
        for _ in range(4):
            if "continue" not in answer:
                break
            results = [{"id": call["id"], "result": 2 * call["args"][0]} for call in answer["calls"]]
            answer = ask(service, "POST", "/execute/continue", 200, **{"continue": answer["continue"], "results": results})
        if answer.get("result") != [0, 2, 4, 10]:
            raise ValueError(f"a script with {style} tools says {answer}")


def run_session(service, keeps_states):
    """One more example: a session, an endless cell, an earlier state."""
    session = "/sessions/" + ask(service, "POST", "/sessions", 201, code="x = 1")["session"]
    try:
        execute = functools.partial(ask, service, "POST", f"{session}/execute")
        values = [execute(200, code="x += 1; x")["result"] for _ in range(2)]
        if keeps_states:
            execute(422, code="x = 0\nwhile True: pass", timeout_ms=500)
            values += [execute(200, code="x", at=at)["result"] for at in (2, 1, 0)]
        if values != ([2, 3, 3, 2, 1] if keeps_states else [2, 3]):
            raise ValueError(f"the cells of a session say {values}")
    finally:
        ask(service, "DELETE", session, 204)


def constant_of(path, name, default):
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return ast.literal_eval(statement.value)
    return default


def run_attacks(service, target, paths, report):
    for path in paths:
        if report["level"] not in constant_of(path, "LEVELS", ALL_LEVELS):
            continue
        if reason := constant_of(path, "NOT_PROMISED_ON", {}).get(report["platform"]):
            report["not_promised"].append(f"{path.stem}: {reason}")
            continue
        report["attacks"] += 1
        try:
            status, raw = service.execute(JAILED.format(source=path.read_text(), target=target))
            result = json.loads(raw).get("result") if status == 200 else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            result, raw = None, repr(error).encode()
        if not isinstance(result, dict):  # it has to run to its end, and not fail for a reason of its own
            report["failures"].append(f"attack {path.stem}: no verdict: {raw[-SHOWN:]!r}")
        elif result.get("got"):
            report["succeeded"] += 1
            report["failures"].append(f"attack {path.stem} succeeded: {result['got'][:SHOWN]}")
        else:
            report["blocked"] += 1


SHARED_FILES = ("/usr/lib/os-release", "/dev/null", "/dev/zero")  # that a job can open at every level


def isolation_of(service):
    try:
        status, raw = service.request("GET", "/health")
        return json.loads(raw)["isolation"]
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"{service.address}: no answer: {error}")
    except (ValueError, KeyError):
        sys.exit(f"{service.address}: GET /health is no answer of pyexec: {status} {raw[:SHOWN]!r}")


def listen(secret):
    """What attacks on the network aim at. Both stay open until this program ends."""
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    name = f"pyexec-{secret[:12]}"
    abstract.bind("\0" + name)
    abstract.listen()

    def greet():
        while True:
            tcp.accept()[0].sendall(b"hello")

    threading.Thread(target=greet, daemon=True).start()
    return {"tcp_port": tcp.getsockname()[1], "abstract_name": name}, abstract


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("url")
    arguments.add_argument("--secret", help="what the secret file holds and the victim has in its environment")
    arguments.add_argument("--secret-file", help="a file that everybody can read, where the server runs")
    arguments.add_argument("--victim-pid", type=int, help="a process, as the server sees it")
    arguments.add_argument("--attacks", nargs="+", metavar="NAME", help="of tests/attacks; by default all")
    arguments.add_argument("--skip-path", metavar="PATH", help="leave out the examples of this path")
    arguments.add_argument("--summary", action="store_true", help="text for people; the exit code is 1 if something failed")
    given = arguments.parse_args()
    paths = [path for path in ATTACKS if not given.attacks or path.stem in given.attacks]
    if unknown := set(given.attacks or ()) - {path.stem for path in paths}:
        arguments.error(f"no such attack: {', '.join(sorted(unknown))}")

    service = Service(given.url)
    report = {"level": 0, "attacks": 0, "blocked": 0, "succeeded": 0, "seeds": 0, "passed": 0, "failures": [],
              "not_promised": []}
    secret = given.secret or secrets.token_hex()
    network, _listener = listen(secret)
    with tempfile.NamedTemporaryFile("w", prefix="pyexec-secret-") as own_file:
        own_file.write(secret)
        own_file.flush()
        Path(own_file.name).chmod(0o644)
        own_victim = subprocess.Popen(["sleep", "3600"], env={"SECRET": secret})
        try:
            isolation = isolation_of(service)
            report["scratch"] = isolation["features"]["scratch"]
            report |= {"level": isolation["level"], "platform": isolation["platform"]}
            target = {
                "secret": secret, "secret_file": given.secret_file or own_file.name,
                "victim_pid": given.victim_pid or own_victim.pid, **network,
                # Those of the host where the server runs, which this program does not see; or the jail's own.
                "host_files": {} if isolation["features"].get("file_locks") else dict.fromkeys(SHARED_FILES),
            }
            run_examples(service, given.skip_path, report)
            keeps_states = isolation["features"].get("checkpoints", False)
            run_example("session", lambda: run_session(service, keeps_states), 421, report)
            has_scratch = isolation["features"]["scratch"]
            run_example("template", lambda: run_template(service, has_scratch), 412, report)
            run_example("tool", lambda: run_tools(service), 421, report)
            run_attacks(service, target, paths, report)
        finally:
            own_victim.kill()
            own_victim.wait()
    if not given.summary:
        print(json.dumps(report))
        return
    print(f"{given.url}: isolation level {report['level']} on {report['platform']}; {report['passed']} of "
          f"{report['seeds']} examples passed; {report['blocked']} of {report['attacks']} attacks blocked")
    for remark in report["not_promised"]:
        print("not promised here:", remark)
    for failure in report["failures"]:
        print("FAILED:", failure)
    sys.exit(bool(report["failures"]))


if __name__ == "__main__":
    main()
