"""Who may ask, and how often: API keys, rate limits, pages of other origins, refused imports."""

import hashlib
import json
import os
import signal
import socket
import subprocess

import pytest

from api_keys import KEY, line
from raw_http import raw_request
from request_parts import NDJSON, OK, SLEEP
from service import BUILD, Service
from state import pool_of

OTHER = "k3y-two"


def execute(service, key=None, script=OK, **headers):
    headers = {"Content-Type": "application/json"} | headers
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return service.request("POST", "/execute", json.dumps({"script": script}), headers)


def refuses_to_start(**knobs):
    environment = os.environ | {f"PYEXEC_{name.upper()}": str(value) for name, value in knobs.items()} | {"PYEXEC_PORT": "0"}
    done = subprocess.run([BUILD / "pyexec-server"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and done.stdout == ""
    return done.stderr


def test_without_keys_everybody_may_ask_and_the_start_says_so(service):
    assert "no API keys: anyone who can reach the port can run scripts" in service.greeting
    assert execute(service).status == execute(service, "any").status == 200


def test_with_keys_only_their_holders_may_ask(start, keys):
    service = start(pool=1, keys_file=keys)
    assert "API keys" not in service.greeting
    assert execute(service, KEY).status == 200
    assert execute(service, Authorization=f"bearer {KEY}").status == 200
    for answer in (
        execute(service), execute(service, OTHER), execute(service, KEY + "x"), execute(service, KEY[:-1]), execute(service, ""),
        execute(service, Authorization=f"Basic {KEY}"), execute(service, Authorization=KEY),
        execute(service, hashlib.sha256(KEY.encode()).hexdigest()),
        service.request("POST", "/execute/batch", "", NDJSON),
    ):
        assert (answer.status, answer.outcome, answer.headers["WWW-Authenticate"]) == (401, "unauthorized", 'Bearer realm="pyexec"')
        assert list(answer.body) == ["error"] and KEY not in answer.body["error"]
    for path in ("/health", "/healthz", "/metrics", "/openapi.json", "/"):
        assert service.request("GET", path).status == 200
    batch = service.request("POST", "/execute/batch", json.dumps({"script": OK}), NDJSON | {"Authorization": f"Bearer {KEY}"})
    assert json.loads(batch.raw)["result"] == 1


def test_sighup_reads_the_keys_again(start, keys):
    service = start(pool=1, keys_file=keys)
    keys.write_text(line("two", OTHER))
    assert execute(service, KEY).status == 200
    service.process.send_signal(signal.SIGHUP)
    service.wait_until(lambda: execute(service, OTHER).status == 200)
    assert execute(service, KEY).status == 401
    keys.write_text("broken\n")
    service.process.send_signal(signal.SIGHUP)
    keys_are_told = service.process.stderr.readline() + service.process.stderr.readline()
    assert "have been read again" in keys_are_told and "stay as they were" in keys_are_told and "keys:1: " in keys_are_told
    assert execute(service, OTHER).status == 200


@pytest.mark.parametrize(
    "text, problem",
    [("", "no key"), ("one abc\n", "keys:1: "), (line("one", KEY) + line("one", OTHER), "keys:2: "), (line("one", KEY, "rate=0"), "keys:1: ")],
)
def test_a_bad_file_of_keys_is_no_start(keys, text, problem):
    keys.write_text(text)
    said = refuses_to_start(keys_file=keys)
    assert problem in said and "PYEXEC_KEYS_FILE" in said and said.count("\n") == 1
    assert "No such file" in refuses_to_start(keys_file="/nowhere/keys")


def test_a_file_that_could_not_be_read_again_is_no_start(keys):
    if os.geteuid() != 0:
        pytest.skip("the server keeps its user")
    keys.chmod(0o600)
    assert "must be able to read the file of API keys" in refuses_to_start(keys_file=keys, pool=1)


def test_a_keys_rate_is_its_own(start, keys):
    keys.write_text(line("one", KEY, "rate=0.01", "burst=2") + line("two", OTHER))
    service = start(pool=1, keys_file=keys)
    left = []
    for _ in range(2):
        answer = execute(service, KEY)
        assert answer.status == 200 and answer.headers["RateLimit-Limit"] == "2"
        left.append(answer.headers["RateLimit-Remaining"])
    assert left == ["1", "0"]
    answer = execute(service, KEY)
    assert (answer.status, answer.outcome) == (429, "rate_limited") and list(answer.body) == ["error"]
    assert 90 <= int(answer.headers["Retry-After"]) <= 100 <= int(answer.headers["RateLimit-Reset"]) <= 200
    answer = execute(service, OTHER)
    assert answer.status == 200 and answer.headers["RateLimit-Limit"] is None


def test_a_keys_jobs_at_the_same_time_are_bounded(start, keys):
    keys.write_text(line("one", KEY, "running=1") + line("two", OTHER))
    service = start(pool=2, running=2, keys_file=keys, timeout_ms=60_000)
    with socket.create_connection((service.host, service.port), 30) as running:
        running.sendall(raw_request(SLEEP.format(1000), f"Authorization: Bearer {KEY}\r\n"))
        service.wait_until(lambda: pool_of(service)["running"] == 1)
        answer = execute(service, KEY)
        assert (answer.status, answer.outcome, answer.headers["Retry-After"]) == (429, "rate_limited", "1")
        assert execute(service, OTHER).status == 200
    service.wait_idle()
    assert execute(service, KEY).status == 200


def test_an_addresses_rate(start):
    service = start(pool=1, rate_per_minute=1, rate_burst=3)
    assert [execute(service).status for _ in range(4)] == [200, 200, 200, 429]
    answer = execute(service)
    assert answer.outcome == "rate_limited" and 1 <= int(answer.headers["Retry-After"]) <= 60
    assert service.request("GET", "/health").status == 200


def test_a_batch_is_paced_rather_than_refused(start, keys):
    keys.write_text(line("one", KEY, "rate=20", "burst=2"))
    service = start(pool=1, keys_file=keys)
    body = "\n".join([json.dumps({"script": OK})] * 6)
    answer = service.request("POST", "/execute/batch", body, NDJSON | {"Authorization": f"Bearer {KEY}"})
    assert [json.loads(one)["outcome"] for one in answer.raw.splitlines()] == ["ok"] * 6


ORIGIN = {"Origin": "https://app.example"}
PREFLIGHT = ORIGIN | {"Access-Control-Request-Method": "POST"}


def test_pages_of_other_origins_read_nothing_by_default(service):
    assert not [name for name in service.request("GET", "/healthz", headers=ORIGIN).headers if name.startswith("Access-Control")]
    answer = service.request("OPTIONS", "/execute", headers=PREFLIGHT)
    assert answer.status == 204 and answer.headers["Access-Control-Allow-Origin"] is None


def test_pages_of_named_origins_may_ask_and_read(start):
    service = start(pool=1, cors_origins="https://app.example,http://localhost:3000")
    answer = service.request("OPTIONS", "/execute", headers=PREFLIGHT)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "https://app.example")
    assert "POST" in answer.headers["Access-Control-Allow-Methods"] and "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    answer = execute(service, **ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example" and "Origin" in answer.headers["Vary"]
    assert "Pyexec-Outcome" in answer.headers["Access-Control-Expose-Headers"]
    other = execute(service, Origin="https://evil.example")
    assert other.status == 200 and other.headers["Access-Control-Allow-Origin"] is None


def test_a_bad_origin_is_no_start():
    assert "PYEXEC_CORS_ORIGINS" in refuses_to_start(cors_origins="app.example")


@pytest.fixture(scope="module")
def denier():
    with Service(pool=2, deny_imports="socket,http.client") as running:
        yield running


@pytest.mark.parametrize(
    "script, is_refused",
    [
        ("import socket", True), ("import socket.x", True), ("import os, socket as s", True), ("from socket import *", True),
        ("def main():\n    import http.client", True), ("import http", False), ("from http import client", True),
        ("__import__('socket')", True), ("import importlib\nimportlib.import_module('socket')", True), ("import sockets_of_mine", False),
        ("# import socket", False), ("'import socket'", False),
    ],
)
def test_named_imports_are_refused(denier, script, is_refused):
    answer = execute(denier, script=script + ("" if "def main" in script else "\ndef main(): return 1"))
    if is_refused:
        assert (answer.status, answer.outcome) == (400, "invalid_script") and "is not allowed" in answer.body["error"], answer
    else:
        assert "is not allowed" not in answer.raw.decode(), answer


LIMITED = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


def test_a_key_has_limits_of_its_own(start, keys):
    keys.write_text(line("one", KEY, "timeout_ms=700", "memory_mb=300") + line("two", OTHER))
    service = start(pool=2, keys_file=keys, timeout_ms=9000, memory_mb=800)
    other = LIMITED | {"Authorization": f"Bearer {OTHER}"}

    def limits(headers, **fields):
        answer = service.request("POST", "/execute", json.dumps({"script": OK, "verbose": True, **fields}), headers)
        return answer.body.get("limits", answer.body.get("error"))

    assert {"timeout_ms": 700, "memory_mb": 300}.items() <= limits(LIMITED).items()
    assert {"timeout_ms": 9000, "memory_mb": 800}.items() <= limits(other).items()
    assert limits(LIMITED, timeout_ms=600)["timeout_ms"] == 600
    assert "'timeout_ms'" in limits(LIMITED, timeout_ms=701) and "'memory_mb'" in limits(LIMITED, memory_mb=301)
    loop = json.dumps({"script": "def main():\n    while True: pass"})
    assert service.request("POST", "/execute", loop, LIMITED).outcome == "time_limit"
    lines = service.request("POST", "/execute/batch", loop, LIMITED | NDJSON)
    assert json.loads(lines.raw)["outcome"] == "time_limit"
    opened = service.request("POST", "/sessions", json.dumps({"code": "while True: pass"}), LIMITED)
    assert opened.outcome == "time_limit" and "700 ms" in opened.body["error"]


TAKES = "x = b'x' * (150 << 20)"


def test_the_memory_of_a_key_is_less_without_being_asked_for(start, keys):
    keys.write_text(line("one", KEY, "memory_mb=100") + line("two", OTHER))
    service = start(pool=2, keys_file=keys, memory_mb=800)
    script = json.dumps({"script": f"def main():\n    {TAKES}\n    return len(x)"})

    def outcomes(headers):
        def send(path, body, method="POST", **more):
            return service.request(method, path, body, headers | more)

        session = send("/sessions", "{}").body["session"]
        template = send("/templates", json.dumps({"code": "y = 1"}), "PUT").body["template"]
        return [
            send("/execute", script).outcome, json.loads(send("/execute/batch", script, **NDJSON).raw)["outcome"],
            send(f"/sessions/{session}/execute", json.dumps({"code": TAKES})).outcome,
            send("/execute", json.dumps({"code": TAKES, "template": template})).outcome,
            send("/queue/tasks", script, **{"X-CloudTasks-TaskName": f"t-{len(headers['Authorization'])}-{headers['Authorization'][-3:]}"}).body["outcome"],
        ]

    assert outcomes(LIMITED | {"Authorization": f"Bearer {OTHER}"}) == ["ok"] * 5
    assert outcomes(LIMITED) == ["memory_limit"] * 5


def test_a_key_has_a_number_of_sessions_of_its_own(start, keys):
    keys.write_text(line("one", KEY, "sessions=1") + line("two", OTHER))
    service = start(pool=1, keys_file=keys)
    first = service.request("POST", "/sessions", "{}", LIMITED)
    second = service.request("POST", "/sessions", "{}", LIMITED)
    assert (first.status, second.status) == (201, 429) and "as there may be: 1" in second.body["error"]
    assert service.request("POST", "/sessions", "{}", LIMITED | {"Authorization": f"Bearer {OTHER}"}).status == 201
    assert service.request("DELETE", f"/sessions/{first.body['session']}", headers=LIMITED).status == 204
    assert service.request("POST", "/sessions", "{}", LIMITED).status == 201


@pytest.mark.parametrize("option", ["timeout_ms=0", "timeout_ms=x", "memory_mb=0", "memory_mb=1048577", "sessions=0", "sessions=1.5"])
def test_limits_that_are_none_are_refused(keys, option):
    keys.write_text(line("one", KEY, option))
    assert f"{keys}:1: {option.partition('=')[0]} is not a whole number" in refuses_to_start(keys_file=keys)


def test_metrics_tell_keys_apart(start, keys):
    keys.write_text("".join(line(f"k{n}", f"secret-{n}") for n in range(103)))
    service = start(pool=2, keys_file=keys)
    for n in (0, 0, *range(103)):
        assert execute(service, f"secret-{n}", "def main(): 1 / 0" if n == 1 else OK).status in (200, 422)
    rows = [row for row in service.request("GET", "/metrics").raw.decode().splitlines() if row.startswith("pyexec_key_jobs_total")]
    assert 'pyexec_key_jobs_total{key="k0",outcome="ok"} 3' in rows and 'pyexec_key_jobs_total{key="k1",outcome="exception"} 1' in rows
    assert 'pyexec_key_jobs_total{key="other",outcome="ok"} 3' in rows and len(rows) == 101
    assert not any("secret" in row for row in rows)


def test_a_new_key_can_be_used(start, keys):
    made = subprocess.run([BUILD / "pyexec-server", "--new-key", "ann"], capture_output=True, text=True, check=True).stdout
    key, entry = (row.partition(": ")[2].strip() for row in made.splitlines())
    keys.write_text(entry + " rate=100\n")
    service = start(pool=1, keys_file=keys)
    assert execute(service, key).status == 200 and execute(service, KEY).status == 401
    assert entry.startswith("ann ") and key not in entry and len(key) == 64
    again = subprocess.run([BUILD / "pyexec-server", "--new-key", "ann"], capture_output=True, text=True, check=True).stdout
    assert again != made


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "é"])
def test_a_name_that_is_none_makes_no_key(name):
    done = subprocess.run([BUILD / "pyexec-server", "--new-key", name], capture_output=True, text=True)
    assert done.returncode != 0 and done.stdout == "" and "--new-key: the name is not" in done.stderr
