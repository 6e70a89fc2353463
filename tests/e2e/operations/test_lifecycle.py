"""How a service stops, and starts that are refused."""

import os
import signal
import socket
import subprocess

import pytest

from processes import descendants_of, is_alive
from request_parts import FOREVER, OK, SLEEP, in_background
from service import BUILD, Service


def stop_and_list_leftovers(service, signal_number=signal.SIGTERM):
    pids = descendants_of(service.process.pid)
    assert pids
    service.process.send_signal(signal_number)
    code = service.process.wait(60)
    return code, [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_leaves_no_process_and_exits_with_0(start, number):
    service = start(pool=4)
    service.execute(OK)
    assert stop_and_list_leftovers(service, number) == (0, [])


def test_stop_finishes_accepted_requests(start):
    service = start(pool=2, timeout_ms=20000, drain_ms=20000)
    idle = service.connect()
    service.execute(OK, idle)
    future = in_background(service, SLEEP.format(4))[0]
    service.process.send_signal(signal.SIGTERM)

    def refused():
        try:
            socket.create_connection((service.host, service.port), 1).close()
            return False
        except ConnectionResetError:  # was on its way while the port closed
            return False
        except ConnectionRefusedError:
            return True

    service.wait_until(refused)
    assert future.result().body["result"] == 1
    assert service.process.wait(30) == 0


def test_stop_answers_jobs_that_outlast_the_drain_time(start):
    service = start(pool=1, drain_ms=300, timeout_ms=60000)
    future = in_background(service, FOREVER)[0]
    service.process.send_signal(signal.SIGTERM)
    answer = future.result()
    assert (answer.status, answer.outcome) == (500, "internal")
    assert service.process.wait(10) == 0


def test_a_server_that_is_killed_leaves_no_process(start):
    service = Service(pool=3)
    pids = descendants_of(service.process.pid)
    assert len(pids) >= 3 + 2 * 3  # launcher, zygote, jailer; of each worker: itself and its init
    service.process.kill()
    service.process.wait()
    service.wait_until(lambda: not any(map(is_alive, pids)))
    service.process.stdout.close()
    service.process.stderr.close()


def refused_start(environment=None, arguments=()):
    done = subprocess.run(
        [BUILD / "pyexec-server", *arguments], env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode != 0 and done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "environment, name",
    [
        ({"PYEXEC_POOL": "0"}, "PYEXEC_POOL"), ({"PYEXEC_POOL": "many"}, "PYEXEC_POOL"), ({"PORT": "99999"}, "PORT"),
        ({"PYEXEC_TIMEOUT_MS": "-1"}, "PYEXEC_TIMEOUT_MS"), ({"PYEXEC_TIMOUT_MS": "1000"}, "PYEXEC_TIMOUT_MS"),
        ({"PYEXEC_ADDRESS": "nowhere"}, "PYEXEC_ADDRESS"), ({"PYEXEC_WORKER": "/no/such/file"}, "/no/such/file"),
        ({"PYEXEC_WORKER": "/bin/true"}, "launcher"),
    ],
)
def test_a_bad_knob_is_refused_by_name(environment, name):
    assert name in refused_start(environment)


def test_a_port_that_is_taken_is_refused(service):
    message = refused_start({"PYEXEC_PORT": str(service.port)})
    assert "Address already in use" in message and str(service.port) in message


def test_the_port_variable_of_container_platforms_is_used():
    environment = {"PATH": os.environ["PATH"], "PORT": "0", "PYEXEC_POOL": "1"}
    server = subprocess.Popen([BUILD / "pyexec-server"], env=environment, stdout=subprocess.PIPE, text=True)
    assert "listening on" in server.stdout.readline()
    server.terminate()
    assert server.wait(30) == 0
    server.stdout.close()
