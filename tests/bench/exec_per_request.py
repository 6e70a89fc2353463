"""What bench.py compares with: a web app that starts a fresh jailed Python for every request.

JAIL      command to put before the interpreter, quoted as for a shell; @DIR@ in it is replaced by the
          request's directory. Empty: no jail.
JOBS_DIR  where the requests' directories are made. Default: the system's place for temporary files.
"""

import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from flask import Flask, Response, request

PYTHON = "/usr/bin/python3"
TIMEOUT_SECONDS = 30
RUNNER = """
import contextlib, io, json, pathlib, sys

names = {"__name__": "script"}
captured = io.StringIO()
with contextlib.redirect_stdout(captured):
    exec(compile(pathlib.Path(sys.argv[1]).read_text(), "script.py", "exec"), names)
    value = names["main"]()
json.dump({"result": value, "stdout": captured.getvalue()}, sys.stdout)
"""

app = Flask(__name__)
jail = shlex.split(os.environ.get("JAIL", ""))
jobs_dir = os.environ.get("JOBS_DIR")


def answer(status, text):
    return Response(text, status, mimetype="application/json")


def run(script):
    """Returns the finished process. The directory is readable for the jail, whatever user it runs as."""
    with tempfile.TemporaryDirectory(dir=jobs_dir) as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "script.py").write_text(script)
        (directory / "runner.py").write_text(RUNNER)
        command = [word.replace("@DIR@", name) for word in jail]
        command += [PYTHON, directory / "runner.py", directory / "script.py"]
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)


@app.post("/execute")
def execute():
    body = request.get_json(silent=True)
    script = body.get("script") if isinstance(body, dict) else None
    if not isinstance(script, str):
        return answer(400, json.dumps({"error": "the body must be {\"script\": text}"}))
    try:
        done = run(script)
    except subprocess.TimeoutExpired:
        return answer(400, json.dumps({"error": f"no answer within {TIMEOUT_SECONDS} s"}))
    if done.returncode != 0:
        return answer(400, json.dumps({"error": done.stderr[-1000:]}))
    return answer(200, done.stdout)


@app.get("/healthz")
def healthz():
    return answer(200, '{"status": "ok"}')
