"""Sessions whose cells mean harm, and sessions that are harmed: nobody else notices, and each gets one honest answer."""

import concurrent.futures
import os
import re
import signal
import threading

import pytest

from processes import descendants_of, is_alive, name_of
from service import Service
from sessions import Session


def workers_of(service):
    """The processes that run Python, by host pid, those of the pool among them."""
    return {pid for pid in descendants_of(service.process.pid) if name_of(pid).startswith("pyexec-worker")}


def below(service):
    return {pid for pid in descendants_of(service.process.pid) if is_alive(pid)}


@pytest.fixture(scope="module")
def quiet():
    """A service that nobody else uses."""
    with Service(pool=1, timeout_ms=5000) as running:
        yield running


@pytest.fixture
def alone(quiet):
    """The only session of its service."""
    service = quiet
    service.wait_full()
    service.wait_until(lambda: len(workers_of(service)) == 1)
    before = workers_of(service)
    with Session(service, code="mark = 'set-up'") as session:
        session.own = lambda: workers_of(service) - before
        yield session
    assert service.execute("def main(): return 1").body["result"] == 1


def host_pid_of(session, pid_in_jail):
    for pid in session.own():
        with open(f"/proc/{pid}/status") as status:
            if re.search(rf"^NSpid:.*\t{pid_in_jail}$", status.read(), re.M):
                return pid
    raise AssertionError(f"no process is {pid_in_jail} in its jail")


def test_deleting_ends_every_process_also_those_that_left_their_group(alone):
    alone.result("import os")
    # The third argument is the word that lets a new cell leave its group.
    answer = alone.cell(
        "import ctypes, time\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    ctypes.CDLL(None).syscall(109, 0, 0, 0x63656c6c)\n"
        "    while True: time.sleep(0.1)\n"
        "while os.getpgid(pid) != pid: time.sleep(0.01)\n"
        "[os.getpgid(pid) == pid, os.getpgid(0) == os.getpid()]")
    assert answer.body["result"] == [True, True]
    own = alone.own()
    assert len(own) >= 4
    alone.delete()
    alone.service.wait_until(lambda: not any(map(is_alive, own)))


@pytest.mark.parametrize("call", ["os.setsid()", "os.setpgid(0, 0)", "os.setpgrp()"])
def test_a_cells_processes_cannot_leave_their_group_by_accident(alone, call):
    answer = alone.cell(f"import os, subprocess\n{call}")
    assert (answer.outcome, "PermissionError" in answer.body["error"]) == ("exception", True)
    assert alone.result("subprocess.run(['true']).returncode") == 0


def test_nothing_a_cell_starts_runs_on_after_its_answer(alone):
    alone.cell("import os, time\n"
               "for _ in range(5):\n"
               "    if os.fork() == 0:\n"
               "        os.fork()\n"
               "        while True: open('ticks', 'a').write('x'); time.sleep(0.001)\n"
               "while not os.path.exists('ticks'): time.sleep(0.01)")
    size = alone.result("os.path.getsize('ticks')")
    assert size > 0
    assert alone.result("time.sleep(0.2); os.path.getsize('ticks')") == size
    assert len(alone.own()) == alone.show().body["states"] == 4


def test_a_thread_that_spins_stops_with_its_cell(alone):
    alone.cell("import threading\nn = 0\ndef spin():\n    global n\n    while True: n += 1\n"
               "threading.Thread(target=spin, daemon=True).start()\nimport time; time.sleep(0.1)")

    def ticks():
        return sum(sum(map(int, open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[11:13])) for pid in alone.own())

    before = ticks()
    alone.result("time.sleep(1)")
    assert ticks() - before < 50  # of 100 in a second, had it gone on


@pytest.mark.parametrize("what", ["os.kill(-1, 9)", "os.kill(2, 9)", "os.kill(1, 9)", "os.pidfd_open(2)"])
def test_a_cell_cannot_reach_the_first_process_of_its_session(alone, what):
    alone.result("import os, time")
    answer = alone.cell(what)
    assert answer.outcome == "exception" and "PermissionError: [Errno 1]" in answer.body["error"], answer
    assert alone.result("mark", at=0) == "set-up"


def test_a_cell_that_kills_a_kept_state_loses_that_state(alone):
    first = alone.result("import os, signal\nos.getpid()")
    alone.result("x = 2")
    alone.result(f"os.kill({first}, signal.SIGKILL)")
    alone.service.wait_until(lambda: alone.cell("1", at=1).status == 410)
    assert alone.result("x", at=2) == 2


def test_a_cell_that_kills_the_state_it_runs_on_goes_on(alone):
    alone.result("import os, signal")
    assert alone.result("os.kill(pid, signal.SIGKILL) if (pid := os.getpid() - 2) > 2 else None; 'there'") == "there"
    assert alone.result("1 + 1") == 2


def test_a_state_that_forks_no_cell_costs_itself(alone):
    alone.result("x = 1")
    # A hook that the next fork runs, in the state.
    alone.result("import os, time\nos.register_at_fork(before=lambda: time.sleep(100))")
    answer = alone.cell("x", timeout_ms=500)
    assert answer.outcome in ("time_limit", "internal"), answer
    assert alone.cell("x", at=2).status == 410
    assert alone.result("x", at=1) == 1


@pytest.mark.parametrize(
    "lie",
    [
        "b'PYX1' + bytes([6, 0, 0, 0, 13, 0, 0, 0, 14, 8, 0, 0, 0]) + (1).to_bytes(8, 'little')",  # FORKED: the init
        "b'PYX1' + bytes([6, 0, 0, 0, 13, 0, 0, 0, 14, 8, 0, 0, 0]) + (2).to_bytes(8, 'little')",  # ... the first process
        "b'PYX1' + bytes([6, 0, 0, 0, 13, 0, 0, 0, 14, 8, 0, 0, 0]) + (2**62).to_bytes(8, 'little')",
        "b'PYX1' + bytes([3, 0, 0, 0, 255, 255, 255, 255])",  # a REPORT of 4 GiB
        "b'x' * 100000",
    ],
)
def test_what_a_cell_says_on_its_socket_costs_that_cell(alone, lie):
    alone.result("import os, time")
    answer = alone.cell(f"os.write(3, {lie}); time.sleep(0.1)", timeout_ms=1000)
    assert answer.status in (422, 500), answer
    assert alone.result("mark", at=0) == "set-up"


def test_states_and_processes_are_bounded(start):
    service = start(pool=1, processes=20, session_states=3, timeout_ms=5000)
    with Session(service) as session:
        assert session.cell("import os\nwhile True: os.fork()", timeout_ms=500).outcome in ("exception", "time_limit")
        assert session.result("1") == 1
        for n in range(10):
            session.result(f"x = {n}", at=0)
        assert session.show().body["states"] == 3


def test_sessions_do_not_see_each_other(service):
    with Session(service, code="import os\nopen('/tmp/mine', 'w').write('a')") as one, Session(service) as other:
        assert other.result("import os; [os.listdir('/tmp'), os.getuid()]")[0] == []
        assert other.cell("os.kill(5000, 0)").outcome == "exception"
        assert one.result("open('/tmp/mine').read()") == "a"


def test_a_session_has_no_network_and_no_way_out(alone):
    assert alone.cell("import socket; socket.create_connection(('127.0.0.1', 80))").outcome == "exception"
    assert alone.cell("import os; os.listdir('/proc')").outcome == "exception"
    assert alone.result("open('/tmp/x', 'w').write('ok')") == 2


@pytest.mark.parametrize("who", ["first", "head", "older", "init", "slot", "zygote"])
def test_kill_9_of_any_process_of_a_session_is_one_honest_answer(alone, who):
    first_state = alone.result("import os\nx = 1\nos.getpid()")
    head = alone.result("os.getpid()")
    if who in ("first", "head", "older"):
        victim = host_pid_of(alone, {"first": 2, "head": head, "older": first_state}[who])
    else:
        inner = host_pid_of(alone, 2)
        children = {p for p in descendants_of(alone.service.process.pid)}
        parent = int(re.search(r"^PPid:\t(\d+)", open(f"/proc/{inner}/status").read(), re.M)[1])
        if who == "init":
            namespace = os.readlink(f"/proc/{inner}/ns/pid")
            victim = next(p for p in children if re.search(r"^NSpid:.*\t1$", open(f"/proc/{p}/status").read(), re.M)
                          and os.readlink(f"/proc/{p}/ns/pid") == namespace)
        else:
            victim = parent
            if who == "zygote" and name_of(parent) == "pyexec-slot":
                victim = int(re.search(r"^PPid:\t(\d+)", open(f"/proc/{parent}/status").read(), re.M)[1])
    os.kill(victim, signal.SIGKILL)
    if who in ("head", "older"):
        alone.service.wait_until(lambda: not is_alive(victim))
        gone = {"head": 2, "older": 1}[who]
        alone.service.wait_until(lambda: alone.cell("1", at=gone).status == 410)
        answer = alone.cell("x", at=3 - gone)
        assert answer.status == 200 and answer.body["result"] == 1
    else:
        alone.service.wait_until(lambda: alone.cell("x").status == 410)
        assert alone.show().body["error"] == "this session has ended: its processes were lost"
        with Session(alone.service) as another:
            assert another.result("1") == 1


def test_kill_9_while_a_cell_runs(alone):
    alone.result("import os, time")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(alone.cell("open('/tmp/began', 'w'); time.sleep(30)", timeout_ms=5000)))
    thread.start()
    alone.service.wait_until(lambda: alone.get("began").status == 200)
    os.kill(host_pid_of(alone, 2), signal.SIGKILL)
    thread.join()
    assert (answers[0].status, answers[0].outcome) == (500, "internal")
    assert alone.cell("1").status == 410


def test_many_sessions_come_and_go_and_nothing_is_left(start):
    service = start(pool=1, sessions=30, session_states=4, timeout_ms=5000)
    with Session(service) as session:
        session.result("1")
    service.wait_until(lambda: len([p for p in below(service) if name_of(p) == "pyexec-worker"]) == 1)
    before = len(below(service))
    fds = len(os.listdir(f"/proc/{service.process.pid}/fd"))
    for _ in range(20):
        several = [Session(service, code="x = 1", idle_s=600) for _ in range(5)]
        for session in several:
            session.result("x += 1")
            session.cell("while True: pass", timeout_ms=20)
        for session in several:
            assert session.result("x") == 2
            session.delete()
    service.wait_until(lambda: len([p for p in below(service) if name_of(p) == "pyexec-worker"]) == 1)
    slots = [p for p in below(service) if name_of(p) == "pyexec-slot"]
    assert len(below(service)) - before <= len(slots)
    service.wait_until(lambda: len(os.listdir(f"/proc/{service.process.pid}/fd")) <= fds)


def test_cells_that_end_at_once_are_answered_at_once(alone):
    """However early: before the server has read that they have begun, too."""
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: alone.cell("import os; os._exit(3)", at=0, timeout_ms=4000), range(90)))
    assert {answer.outcome for answer in answers} == {"exited"}


def test_children_that_a_state_has_left_do_not_fill_its_session(start):
    with Session(start(pool=1, processes=20, timeout_ms=10000)) as session:
        session.result("import subprocess")
        for _ in range(4):
            session.result("held = [subprocess.Popen(['sleep', '100']) for _ in range(12)]\nlen(held)")
        assert session.result("subprocess.check_output(['echo', 'x'], text=True)") == "x\n"


def test_a_hook_in_the_new_process_is_within_the_cells_time(alone):
    alone.result("import os, time\nx = 1\nos.register_at_fork(after_in_child=lambda: time.sleep(100))")
    answer = alone.cell("x", timeout_ms=500)
    assert answer.outcome == "time_limit"
    assert alone.show().body["states"] == 2  # the state that it ran on is not to blame
    assert alone.result("mark", at=0) == "set-up"


def test_many_small_files_are_read_at_once(alone):
    alone.put("small", b"x")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert {pool.submit(alone.get, "small").result().status for _ in range(30)} == {200}


def test_files_come_back_whatever_a_cell_has_done_to_python(alone):
    alone.result("import builtins\nbuiltins.open = None")
    assert alone.put("a", b"1").status == 204
    assert alone.get("a").raw == b"1"
