"""The Python client and what jobs show, jobs that run on their own, packages, and the file that the service serves."""

import asyncio
import subprocess
from pathlib import Path

import pyexec
import pytest
from batch_client import CLIENT, PATIENCE_SECONDS, environment, url_of

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
PNG = b"\x89PNG\r\n\x1a\n"
WAITS = "import time\ndef main():\n    while True: time.sleep(0.01)"


# What jobs show -------------------------------------------------------------------------------------------------------


def test_pictures_that_a_cell_shows_are_bytes(client):
    with client.session() as session:
        (display,) = session.code(PLOT).displays
        assert display.picture == (".png", display["image/png"]) and display["image/png"].startswith(PNG)
        assert session.code("1").displays == []
    (display,) = client.code(PLOT, displays=True).displays
    assert display["image/png"].startswith(PNG)
    assert "displays" not in client.code("1").body


def test_tables_that_a_cell_shows_are_text(client):
    (display,) = client.code("import pandas as pd\ndisplay(pd.DataFrame({'n': [1]}))", displays=True).displays
    assert "<table" in display["text/html"] and display.picture is None


def test_what_was_shown_before_a_failure_is_there(client):
    with pytest.raises(pyexec.ScriptError) as caught:
        client.code(PLOT + "\n1 / 0", displays=True)
    assert caught.value.answer.displays[0].picture[1].startswith(PNG)


def test_a_stream_tells_what_was_shown(client):
    with client.stream(code=PLOT, displays=True) as stream:
        names = [event.name for event in stream]
        assert stream.answer().displays[0]["image/png"].startswith(PNG)
    assert names[-2:] == ["displays", "end"]


def test_the_repl_saves_pictures(service, tmp_path):
    def repl(*words):
        done = subprocess.run([*CLIENT, "repl", *words], input=PLOT + "\n", cwd=tmp_path, env=environment(PYEXEC_URL=url_of(service)),
                              capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "saved pyexec-" not in repl("--no-displays") and list(tmp_path.iterdir()) == []
    assert "saved pyexec-2-1.png\n" in repl()  # the figure is open at the end of the second cell
    assert (tmp_path / "pyexec-2-1.png").read_bytes().startswith(PNG)


def test_the_command_saves_pictures_if_that_is_asked_for(service, tmp_path):
    code = PLOT + "\nimport pandas as pd\ndisplay(pd.DataFrame({'n': [1]}))\n7"

    def command(code, *words):
        done = subprocess.run([*CLIENT, "code", code, *words], cwd=tmp_path, env=environment(PYEXEC_URL=url_of(service)),
                              capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    assert command(PLOT + "\n7") == ("7\n", "") and list(tmp_path.iterdir()) == []
    out, err = command(code, "--displays", "--into", "shown")
    assert err == "saved shown/pyexec-1.png\n" and "7" in out.splitlines() and "n" in out
    assert (tmp_path / "shown/pyexec-1.png").read_bytes().startswith(PNG)


def test_a_table_in_the_result_has_the_form_that_is_asked_for(client):
    script = "import pandas as pd\ndef main(): return pd.DataFrame({'n': [1, 2]})"
    assert client.run(script).result == [{"n": 1}, {"n": 2}]
    assert client.run(script, dataframe="split").result["data"] == [[1], [2]]
    assert client.run(script, dataframe="csv").result.splitlines()[0].endswith("n")


# Jobs that run on their own -------------------------------------------------------------------------------------------


def test_a_job_that_was_handed_in_has_its_answer_as_often_as_it_is_asked_for(client):
    job = client.submit("def main(a):\n    print('on')\n    return a", 7, timeout=2)
    assert job.result().result == 7 and job.result().stdout == "on\n"
    assert (job.is_ended(), job.wait(0), client.job(job.id).result().result) == (True, True, 7)
    job.cancel()
    job.cancel()
    with pytest.raises((pyexec.NotFound, pyexec.Gone)):
        job.result()


def test_a_function_is_handed_in(client):
    def double(n):
        return 2 * n

    assert client.submit(double, 4).result(30).result == 8


def test_an_error_of_a_job_is_raised_where_its_result_is_asked_for(client):
    job = client.submit("def main():\n    print('before')\n    return 1 / 0")
    for _ in range(2):
        with pytest.raises(pyexec.ScriptError, match="ZeroDivisionError") as caught:
            job.result()
        assert caught.value.stdout == "before\n"
    assert job.is_ended()


def test_a_job_is_waited_for_and_killed(patient):
    job = pyexec.Client(url_of(patient)).submit(WAITS)
    assert job.wait(0) is False and job.is_ended() is False
    with pytest.raises(TimeoutError):
        job.result(0)
    job.cancel()
    patient.wait_idle()
    with pytest.raises((pyexec.NotFound, pyexec.Gone)):
        job.is_ended()


def test_a_job_that_nobody_knows_is_named(client):
    with pytest.raises(pyexec.NotFound):
        client.job("00000000-" + "0" * 32).result()


def test_what_is_refused_is_no_job(client):
    with pytest.raises(pyexec.InvalidRequest):
        client.submit("def main(): pass", nonsense=1)


def test_a_job_goes_on_without_its_client(service):
    with pyexec.Client(url_of(service)) as first:
        name = first.submit("import time\ndef main():\n    time.sleep(0.3)\n    return 1").id
    assert pyexec.Client(url_of(service)).job(name).result().result == 1


def test_jobs_are_awaited(service):
    async def work():
        async with pyexec.AsyncClient(url_of(service)) as client:
            jobs = await asyncio.gather(*(client.submit("def main(n): return n", n) for n in range(5)))
            return [(await job.result()).result for job in jobs], await client.job(jobs[0].id).is_ended()

    assert asyncio.run(work()) == ([0, 1, 2, 3, 4], True)


# Packages, files ------------------------------------------------------------------------------------------------------


def test_packages_are_listed(client, service):
    packages = client.packages()
    assert packages["python"].startswith("3.") and "numpy" in [one["name"] for one in packages["packages"]]
    done = subprocess.run([*CLIENT, "packages"], env=environment(PYEXEC_URL=url_of(service)), capture_output=True, text=True)
    assert done.returncode == 0 and f"Python {packages['python']}\n" in done.stdout and "\nnumpy " in done.stdout


def test_the_service_serves_this_very_file(service):
    assert service.fetch("/client/pyexec.py") == Path(pyexec.__file__).read_bytes()
