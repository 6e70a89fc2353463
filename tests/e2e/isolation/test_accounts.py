"""Names that a job has, and what it can find out of the host: nothing."""

import json
import os
import subprocess

import pytest

from levels import start_kind
from request_parts import result_of
from selftest import FOLDER
from service import BUILD, Service


@pytest.mark.parametrize("kind", ["root", "root-3", "user", "root-2", "root-1"])
def test_there_is_an_account(programs, shm, kind):
    script = """
import getpass, grp, os, pathlib, pwd, tempfile
def main():
    file = pathlib.Path(tempfile.gettempdir()) / "mine.txt"
    file.write_text("x")
    entry = pwd.getpwuid(os.getuid())
    missing = []
    for look in (lambda: pwd.getpwuid(4242), lambda: pwd.getpwnam("alice"), lambda: grp.getgrgid(4242), lambda: open("/etc/passwd")):
        try: look()
        except (KeyError, OSError) as e: missing.append(type(e).__name__)
    return [getpass.getuser(), pathlib.Path.home().is_dir(), file.owner(), file.group(), entry.pw_name, entry.pw_dir == os.environ["HOME"],
            os.path.expanduser("~pyexec") == entry.pw_dir, pwd.getpwnam("root").pw_uid, grp.getgrnam("root").gr_gid, missing[:3]]
"""
    with start_kind(kind, programs, shm) as service:
        assert result_of(service, script) == [
            "pyexec", True, "pyexec", "pyexec", "pyexec", True, True, 0, 0, ["KeyError", "KeyError", "KeyError"]]


def test_python_has_both_names(service):
    script = "import subprocess\ndef main(): return [subprocess.check_output([p, '-c', 'print(5)']).decode() for p in ('python', 'python3', '/usr/bin/env python'.split()[0])[:2]]"
    assert result_of(service, script) == ["5\n", "5\n"]
    script = "import os, stat, subprocess\ndef main():\n    return subprocess.run(['/usr/bin/env', 'python', '-c', 'raise SystemExit(4)']).returncode"
    assert result_of(service, script) == 4


LOOK = r"""
import gc, os, platform, socket, sys, time, uuid
def main():
    gc.unfreeze()
    found = set()
    for one in gc.get_objects():
        if not isinstance(one, type(sys)):
            found.update(text[:200] for text in gc.get_referents(one) if type(text) is str and SECRET in text)
    found -= {text for text in found if "SECRET = " in text or text == SECRET}
    return [sorted(found), platform.node(), platform.uname().node, socket.gethostname(), SECRET in platform.platform(),
            time.tzname, time.localtime(0).tm_hour, uuid.getnode() >> 40 & 1, os.environ.get("SECRET_OF_HOST")]
"""


def test_nothing_of_the_hosts_name_is_left_in_the_warm_interpreter(tmp_path):
    command = ["unshare", "--uts", "sh", "-c", f"hostname leaky-7f3a && exec {BUILD / 'pyexec-server'}"]
    with Service(command=command, pool=1) as service:
        script = "SECRET = 'leaky-' + '7f3a'\n" + LOOK
        assert result_of(service, script) == [[], "pyexec", "pyexec", "pyexec", False, ["UTC", "UTC"], 0, 1, None]
        control = "import platform\nKEPT = ['leaky-' + '7f3a', 'x']\n" + script.replace("text == SECRET", "False")
        assert "leaky-7f3a" in result_of(service, control)[0]  # the search finds what is there


SPOILED = {
    "host name": "platform._uname_cache = platform.uname()._replace(node='elsewhere')",
    "network card": "uuid._node = 5",
    "files": "import types; sys.path_importer_cache['/tmp'] = types.SimpleNamespace(_path_cache={'of-the-host'})",
    "accounts": "pwd.getpwall = lambda: [pwd.struct_passwd(('alice', 'x', 7, 7, '', '/', '/bin/sh'))]",
    "home": "os.environ['HOME'] = '/home/alice'",
    "time zone": "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
    "locale": "locale.setlocale(locale.LC_CTYPE, 'C')",
    "umask": "os.umask(0)",
    "blocked signals": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])",
    "seekable output": "sys.stdout = open(1, 'w'); sys.stdout.seekable = lambda: True",
}


@pytest.mark.parametrize("name", ["nothing", *SPOILED])
def test_the_self_test_finds_what_is_remembered(service, name):
    source = "\n".join((FOLDER / f"{part}.py").read_text() for part in ("attack", "surroundings"))
    script = f"{source}\ndef main():\n    {SPOILED.get(name, 'pass')}\n    return remembered_host()"
    assert result_of(service, script) == ("" if name == "nothing" else name)


def test_names_of_files_of_the_host_are_not_in_caches(service):
    script = "import sys\ndef main(): return sorted(k for k in sys.path_importer_cache if not k.startswith('/usr/lib'))"
    assert set(result_of(service, script)) <= {"/tmp", "/usr/local/lib/python3.11/dist-packages", "/usr/local/lib/python3.13/dist-packages"}


def test_a_module_in_the_hosts_tmp_is_not_imported_by_the_service():
    """The zygote's own imports do not look there, whoever can write there."""
    held = subprocess.run(
        ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /tmp && for m in _strptime zoneinfo pyarrow tables; do "
         f"echo 'raise SystemExit(3)' > /tmp/$m.py; done; cd /; timeout 60 {BUILD / 'pyexec-server'} --probe"],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert held.returncode == 0 and json.loads(held.stdout)["level"] >= 1, held


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "LC_NUMERIC"])
def test_a_locale_is_there_or_refused(service, name):
    script = "import locale\ndef main(): return locale.setlocale(locale.LC_ALL, '')"
    for value in ("C", "POSIX", "C.UTF-8", ""):
        assert service.post({"script": script, "env": {name: value}}).outcome == "ok"
    answer = service.post({"script": script, "env": {name: "de_DE.UTF-8"}})
    assert answer.status == 400 and "de_DE.UTF-8" in answer.body["error"] and "C.UTF-8" in answer.body["error"]


def test_old_names_of_time_zones(service):
    script = "from zoneinfo import ZoneInfo\ndef main(): return [str(ZoneInfo(n)) for n in ('US/Pacific', 'Europe/Berlin')]"
    assert result_of(service, script) == ["US/Pacific", "Europe/Berlin"]


def test_names_of_the_standard_descriptors(service):
    script = """
import pandas as pd, pathlib
def main():
    with open("/dev/stderr", "w") as f: f.write("warned")
    with open("/dev/stdout", "w") as f: print("told", file=f)
    found = [pd.read_csv("/dev/stdin")["y"].tolist(), pathlib.Path("/dev/fd/0").read_text()]
    try: open("/dev/fd/99")
    except OSError as e: found.append(e.filename)
    return found
"""
    answer = service.post({"script": script, "stdin": "x,y\n1,2\n3,4\n", "verbose": True})
    assert answer.body["result"] == [[2, 4], "", "/dev/fd/99"]
    assert (answer.body["stdout"], answer.body["stderr"]) == ("told\n", "warned")
