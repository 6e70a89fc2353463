"""Templates at every level of isolation: where a job cannot be forked, the set-up runs anew for each."""

from levels import has_processes
from templates import Template, metric


def test_health_tells_whether_jobs_are_forked(at):
    isolation = at.health()["isolation"]
    assert isolation["features"]["template_forks"] is (has_processes(at) and isolation["keeps_jails"])


def test_jobs_find_the_set_up_and_nothing_of_each_other(at):
    code = "import os\nx = 1\ndef f(n): return n + x\nopen('of-setup', 'w').write('S')"
    with Template(at, code, files={"sent": "F"}) as template:
        place = "os.environ['TMPDIR']"
        for n in range(3):
            assert template.call("f", n) == n + 1
            assert template.result(f"x = 5; open({place} + '/left', 'w').write('x'); sorted(os.listdir({place}))") == ["left", "of-setup", "sent"]
            assert template.result(f"[x, sorted(os.listdir({place})), open({place} + '/sent').read()]") == [1, ["of-setup", "sent"], "F"]


def test_each_job_is_ended(at):
    with Template(at, "x = 1") as template:
        assert template.code("while True: pass", timeout_ms=300).outcome == "time_limit"
        assert template.code("import os; os._exit(4)").outcome == "exited"
        assert template.result("x") == 1


def test_random_numbers_differ(at):
    with Template(at, "import random, numpy as np") as template:
        drawn = [template.result("[random.random(), np.random.random()]") for _ in range(3)]
        assert [len({row[i] for row in drawn}) for i in range(2)] == [3, 3]


def test_set_ups_are_run_as_health_says(at):
    forks = at.health()["isolation"]["features"]["template_forks"]
    with Template(at, "x = 1") as template:
        before = metric(at, "pyexec_template_setups_total")
        for _ in range(6):
            assert template.result("x") == 1
        after = metric(at, "pyexec_template_setups_total")
        # Of two jails, one has a job while the other is prepared for its next one.
        assert after <= before + 1 if forks else after >= before + 5
