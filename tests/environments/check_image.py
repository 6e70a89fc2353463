#!/usr/bin/env python3
"""Checks an image of pyexec, and how long its containers take to start. usage: check_image.py IMAGE [--starts N]

Needs a Docker engine (DOCKER_HOST), and to be in its network: containers are published on 127.0.0.1:PORT.
What scripts can do and cannot in a container is check_url.py's.
"""

import argparse
import contextlib
import datetime
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORT = 18080
MOST_BYTES = 300_000_000
STOP_SECONDS = 10  # what docker stop and Cloud Run give
WAIT_SECONDS = 60
PLOT_SECONDS = 60  # until a beginner sees a plot
KILLED = 137

# Left out of the image on purpose, so nothing of it may come back: what | a pattern of find -path
ABSENT = {
    "compilers": "/usr/bin/*gcc*",
    "headers": "/usr/include/*",
    "headers of packages": "/usr/lib/python3/*.h",
    "static libraries": "/usr/lib/*.a",
    "package lists": "/var/lib/apt/lists/*_Packages*",
    "downloaded packages": "/var/cache/apt/archives/*.deb",
    "manuals": "/usr/share/man/*/*",
    "translations": "/usr/share/locale/*/LC_MESSAGES/*",
    "suites of tests": "/usr/lib/python3/dist-packages/*/tests/test_*",
    "sources": "/tmp/*",
}

# What scripts do with what is there; each main() returns True. Beyond tests/e2e/support/contract.jsonl: things that go by files.
SCRIPTS = {
    "plot as PNG": "import matplotlib.pyplot as p, io\nb = io.BytesIO(); p.plot([1, 2]); p.title('$x^2$'); p.savefig(b)\n"
                   "ok = b.getvalue()[:4] == b'\\x89PNG'",
    "plot as PDF": "import matplotlib.pyplot as p, io\nb = io.BytesIO(); p.plot([1, 2]); p.savefig(b, format='pdf')\n"
                   "ok = b.getvalue()[:4] == b'%PDF'",
    "plot as SVG": "import matplotlib.pyplot as p, io\nb = io.BytesIO(); p.bar([1, 2], [3, 4]); p.savefig(b, format='svg')\n"
                   "ok = b'</svg>' in b.getvalue()",
    "plot in 3D": "import matplotlib.pyplot as p, io\nb = io.BytesIO()\np.figure().add_subplot(projection='3d').plot([1, 2], [1, 2], [1, 2])\n"
                  "p.savefig(b); ok = b.tell() > 1000",
    "DataFrame.plot": "import pandas as pd, io\nb = io.BytesIO(); pd.DataFrame({'a': [1, 2]}).plot().figure.savefig(b); ok = b.tell() > 1000",
    "fonts": "from matplotlib import font_manager as f\nok = all(f.findfont(n, fallback_to_default=False) for n in ('DejaVu Sans', 'DejaVu Serif', 'DejaVu Sans Mono', 'STIXGeneral', 'cmr10'))",
    "styles": "import matplotlib.pyplot as p\np.style.use('ggplot'); ok = len(p.style.available) > 20",
    "picture": "from PIL import Image\nimport io\nb = io.BytesIO(); Image.new('RGB', (8, 8)).save(b, 'JPEG'); ok = Image.open(b).size == (8, 8)",
    "requests": "import requests\nok = requests.Request('GET', 'http://a/').prepare().url == 'http://a/'",
    "certificates": "import certifi, ssl\nok = len(ssl.create_default_context(cafile=certifi.where()).get_ca_certs()) > 50",
    "zoneinfo": "import zoneinfo, datetime as d\nok = d.datetime(2020, 7, 1, tzinfo=zoneinfo.ZoneInfo('Asia/Tokyo')).utcoffset() == d.timedelta(hours=9)",
    "pandas time zones": "import pandas as pd\nok = str(pd.Timestamp('2020-07-01', tz='UTC').tz_convert('America/New_York').tz) == 'America/New_York'",
    "pandas CSV": "import pandas as pd, io\nd = pd.DataFrame({'a': [1, 2]}); ok = pd.read_csv(io.StringIO(d.to_csv(index=False))).equals(d)",
    "pandas HTML": "import pandas as pd, io\nd = pd.DataFrame({'a': [1, 2]}); ok = pd.read_html(io.StringIO(d.to_html(index=False)))[0].equals(d)",
    "pandas Excel": "import pandas as pd, io\nb = io.BytesIO(); d = pd.DataFrame({'a': [1, 2]}); d.to_excel(b, index=False); b.seek(0); ok = pd.read_excel(b).equals(d)",
    "pandas Markdown": "import pandas as pd\nok = '|   a |' in pd.DataFrame({'a': [1, 2]}).to_markdown()",
    "tqdm": "from tqdm import tqdm\nok = list(tqdm(range(3))) == [0, 1, 2]",
    "pandas XML": "import pandas as pd, io\nd = pd.DataFrame({'a': [1, 2]}); ok = pd.read_xml(io.StringIO(d.to_xml(index=False))).equals(d)",
    "pandas JSON": "import pandas as pd, io\nd = pd.DataFrame({'a': [1, 2]}); ok = pd.read_json(io.StringIO(d.to_json())).equals(d)",
    "pandas pickle": "import pandas as pd, io\nb = io.BytesIO(); d = pd.DataFrame({'a': [1, 2]}); d.to_pickle(b, compression=None); b.seek(0); ok = pd.read_pickle(b, compression=None).equals(d)",
    "pandas SQL": "import pandas as pd, sqlite3\nc = sqlite3.connect(':memory:'); d = pd.DataFrame({'a': [1, 2]}); d.to_sql('t', c, index=False); ok = pd.read_sql('select * from t', c).equals(d)",
    "pandas.testing": "import pandas as pd\npd.testing.assert_frame_equal(pd.DataFrame({'a': [1]}), pd.DataFrame({'a': [1]})); ok = True",
    "numpy.testing": "import numpy as n\nn.testing.assert_allclose(n.linalg.inv(n.eye(3)), n.eye(3)); ok = True",
    "numpy": "import numpy as n\nok = n.allclose(n.fft.ifft(n.fft.fft([1, 2, 3])), [1, 2, 3]) and n.random.default_rng(1).normal(size=3).shape == (3,) and n.polynomial.Polynomial([1, 2])(1) == 3",
    "codecs": "ok = 'é'.encode('cp1252') == b'\\xe9' and '日本'.encode('shift_jis').decode('shift_jis') == '日本'",
    "compression": "import gzip, bz2, lzma\nok = all(m.decompress(m.compress(b'x')) == b'x' for m in (gzip, bz2, lzma))",
    "unicodedata": "import unicodedata\nok = unicodedata.normalize('NFC', 'e\\u0301') == 'é'",
}


class Failed(Exception):
    pass


def docker(*arguments, check=True):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=WAIT_SECONDS * 2)
    if check and done.returncode != 0:
        raise Failed(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip() if check else done


def inspect(name, field):
    return json.loads(docker("inspect", "-f", "{{json %s}}" % field, name))


@contextlib.contextmanager
def container(image, *arguments):
    name = docker("run", "--detach", "--publish", f"127.0.0.1:{PORT}:8080", *arguments, image)
    try:
        yield name
    finally:
        docker("rm", "--force", name)


def request(method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=WAIT_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def execute(script):
    return request("POST", "/execute", json.dumps({"script": script}))


def until(what, condition, pause=0.005):
    """The first value that is true, of a condition that may also fail while there is no connection."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except (OSError, http.client.HTTPException, ValueError):
            pass
        time.sleep(pause)
    raise Failed(f"not within {WAIT_SECONDS} s: {what}")


def answers():
    return execute("def main():\n    return 1")[0] == 200


def expect(condition, what):
    if not condition:
        raise Failed(what)


# --- the image as it lies there ---


def check_size(image):
    size = inspect(image, ".Size")
    print(f"image: {size / 1e6:.1f} MB", flush=True)
    expect(size < MOST_BYTES, f"{size} bytes are not less than {MOST_BYTES}")


def check_contents(image):
    find = "".join(f"find / -xdev -path '{pattern}' ! -type d | head -3; " for pattern in ABSENT.values())
    found = docker("run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", find)
    expect(not found, f"is in the image: {found}")
    held = docker("run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/usr/share/pyexec/packages.lock")
    installed = docker("run", "--rm", "--network", "none", "--entrypoint", "dpkg-query", image,
                       "-W", "-f", "${Package}=${Version}\n")
    expect(sorted(held.split()) == sorted(installed.split()), "the record of packages is not what is installed")
    docker("run", "--rm", "--network", "none", "--entrypoint", "test", image, "-s", "/usr/share/doc/python3-numpy/copyright")
    differences = subprocess.run([ROOT / "python_env/packages/lock.sh", image], capture_output=True, text=True)
    expect(differences.returncode in (0, 1), differences.stderr)
    print(f"image: {len(held.split())} packages, "
          f"{len(re.findall('^>', differences.stdout, re.MULTILINE))} not as in packages.lock", flush=True)


def check_labels(image):
    labels = inspect(image, ".Config.Labels")
    with container(image):
        until("an answer", answers)
        version = request("GET", "/health")[1]["versions"]["pyexec"]
    expect(labels.get("org.opencontainers.image.version") == version, f"label {labels}, but the server is {version}")
    for name in ("title", "description", "licenses", "revision"):
        expect(labels.get(f"org.opencontainers.image.{name}"), f"no label {name}")
    expect(inspect(image, ".Config.ExposedPorts") == {"8080/tcp": {}}, "another port is exposed than 8080")


# --- how it runs ---


def check_libraries(image):
    wrong = []
    with container(image):
        until("an answer", answers)
        for name, script in SCRIPTS.items():
            status, answer = execute("def main():\n    " + script.replace("\n", "\n    ") + "\n    return bool(ok)")
            if status != 200 or answer["result"] is not True:
                wrong.append(f"{name}: {answer}"[-600:])
    expect(not wrong, "\n".join(wrong))


def check_first_process(image):
    """As pid 1, and below an init: each leaves no dead process behind."""
    for arguments, first in (((), "pyexec-server"), (("--init",), "docker-init")):
        with container(image, *arguments) as name:
            until("an answer", answers)
            comm = docker("exec", name, "cat", "/proc/1/comm")
            expect(comm == first, f"{arguments}: pid 1 is {comm}, not {first}")
            orphan = docker("exec", name, "sh", "-c", "(sleep 0.2 & echo $!)")  # becomes a child of pid 1
            for _ in range(20):
                expect(answers(), f"{arguments}: no answer")
            until(f"{arguments}: the orphan is reaped",
                  lambda: docker("exec", name, "test", "-e", f"/proc/{orphan}", check=False).returncode)
            states = docker("exec", name, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true")
            # A worker that has served ends right after its answer.
            until(f"{arguments}: no zombies", lambda: not re.search(r"\) Z ", docker(
                "exec", name, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true")))
            expect("pyexec" in states, "no processes were seen")


def check_health(image):
    command = inspect(image, ".Config.Healthcheck.Test")
    for arguments in ((), ("--env", "PORT=9000"), ("--env", "PYEXEC_PORT=9001", "--env", "PORT=1"), ("--user", "1000:1000")):
        with container(image, *arguments) as name:
            until("serving", lambda: "listening" in docker("logs", name))
            good = docker("exec", name, *command[1:], check=False)
            expect(good.returncode == 0, f"{arguments}: unhealthy: {good.stdout} {good.stderr}")
            bad = docker("exec", "--env", "PYEXEC_PORT=1", name, *command[1:], check=False)
            expect(bad.returncode != 0, "healthy where nothing listens")
    with container(image, "--health-interval", "1s") as name:
        until("healthy", lambda: inspect(name, ".State.Health.Status") == "healthy", 0.2)
        server = docker("exec", name, "sh", "-c", "grep -lx pyexec-zygote /proc/[0-9]*/comm | cut -d/ -f3").split()
        expect(server, "no zygote was found")
        docker("pause", name)
        docker("unpause", name)
        expect(answers(), "no answer after a pause")


def check_stop(image):
    """Idle, and with a job that would run on: what is accepted is answered, and the container ends by itself."""
    for arguments in ((), ("--init",), ("--user", "1000:1000")):
        with container(image, *arguments) as name:
            until("an answer", answers)
            begun = time.monotonic()
            docker("stop", "--time", str(STOP_SECONDS), name)
            took, code = time.monotonic() - begun, inspect(name, ".State.ExitCode")
            expect(code == 0, f"{arguments}: exit code {code}" + (", killed" if code == KILLED else ""))
            expect(took < STOP_SECONDS, f"{arguments}: {took:.1f} s")
    with container(image, "--env", "PYEXEC_DRAIN_MS=3000") as name:
        until("an answer", answers)
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=WAIT_SECONDS)
        connection.request("POST", "/execute", json.dumps(
            {"script": "import time\ndef main():\n    time.sleep(1)\n    return 'done'"}), {"Content-Type": "application/json"})
        until("the job runs", lambda: request("GET", "/health")[1]["pool"]["running"] == 1)
        docker("stop", "--time", str(STOP_SECONDS), name)
        answer = connection.getresponse()
        expect(answer.status == 200 and json.loads(answer.read())["result"] == "done", "an accepted job was not answered")
        expect(inspect(name, ".State.ExitCode") == 0, "exit code not 0 after a job")


def check_packages(image):
    """The image that with_packages.py describes: with packages of its own, by one line of pip."""
    for arguments in ((), ("--user", "1000:1000")):
        with container(f"{image}-packages", *arguments):
            until("an answer", answers)
            status, answer = execute("import sys\nhad = 'greet' in sys.modules\nimport greet\ndef main(): return [had, greet.HELLO]")
            expect((status, answer.get("result")) == (200, [True, "hello"]), f"{arguments}: {answer}")
            listed = {one["name"]: one["version"] for one in request("GET", "/packages")[1]["packages"]}
            expect(listed.get("greet") == "1.2" and "openpyxl" in listed, f"{arguments}: {listed}")


def check_first_plot(image):
    """docker run of an image that is there, a real browser, and the playground's example of a plot, until its picture is shown."""
    sys.path.insert(0, str(ROOT / "tests" / "e2e" / "support"))
    from browser import Page, browser
    begun = time.time()
    with container(image), browser() as driver:
        until("an answer", answers)
        page = Page(driver, types.SimpleNamespace(host="127.0.0.1", port=PORT))
        page.choose("02_plot")
        page.run()
        page.wait("document.querySelector('img.picture')?.naturalWidth > 100")
        seconds = time.time() - begun
        expect(page.refusals() == [], f"the console says: {page.refusals()}")
    print(f"docker run, the start of a browser, and the first plot in it: {seconds:.1f} s", flush=True)
    expect(seconds < PLOT_SECONDS, f"{seconds:.1f} s until the first plot are not less than {PLOT_SECONDS}")


# --- how long it takes to start ---


def moment(text):
    """Of Docker's time stamps, which have nanoseconds."""
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", text)).timestamp()


def measure_start(image, starts):
    rows = {"docker run, until the server's process is there": [], "until it listens": [], "until the first answer": [],
            "all": []}
    nothing = []
    for _ in range(starts):
        begun = time.time()
        docker("run", "--rm", "--publish", f"127.0.0.1:{PORT}:8080", "--entrypoint", "true", image)
        nothing.append(time.time() - begun)
        begun = time.time()
        with container(image) as name:
            until("an answer", answers, 0.002)
            answered = time.time()
            started = moment(inspect(name, ".State.StartedAt"))
            listening = moment(docker("logs", "--timestamps", name).split()[0])
        for row, seconds in zip(rows.values(), (started - begun, listening - started, answered - listening, answered - begun)):
            row.append(seconds)
    print(f"start, median of {starts} (ms), load average {os.getloadavg()[0]:.1f}: " + "; ".join(
        f"{name} {statistics.median(row) * 1000:.0f}" for name, row in rows.items())
        + f"; a container that does nothing, from its start to its end {statistics.median(nothing) * 1000:.0f}", flush=True)


CHECKS = (check_size, check_contents, check_labels, check_libraries, check_first_process, check_health, check_stop, check_packages,
          check_first_plot)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("image")
    arguments.add_argument("--starts", type=int, default=5)
    arguments.add_argument("--only", choices=("start", *(check.__name__ for check in CHECKS)), help="start: only the time it takes")
    given = arguments.parse_args()
    failed = False
    for check in CHECKS:
        if given.only and check.__name__ != given.only:
            continue
        try:
            check(given.image)
            print(f"image: {check.__name__} passed", flush=True)
        except Failed as failure:
            failed = True
            print(f"image: {check.__name__}: {failure}", file=sys.stderr, flush=True)
    if given.starts > 0 and given.only in (None, "start"):
        measure_start(given.image, given.starts)
    return failed


if __name__ == "__main__":
    sys.exit(main())
