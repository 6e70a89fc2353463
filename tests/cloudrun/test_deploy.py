"""deploy.sh with stand-ins for gcloud and docker that note what they are asked; smoke.sh against a real server."""

import os
import re
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import CLOUDRUN, ROOT, Service, TIMEOUT_MS

TOOLS = ("bash", "sh", "env", "dirname", "sed", "grep", "head", "mktemp", "rm", "cat", "python3", "git", "sleep", "touch", "cp", "tail")
SCRIPTS = sorted(CLOUDRUN.glob("*.sh"))

# What there is in the cloud is a file each; gcloud makes it.
GCLOUD = """#!/bin/bash
echo "gcloud $*" >>"$CLOUD/calls"
case " $* " in
  *" config get-value account "*) cat "$CLOUD/account" 2>/dev/null ;;
  *" config get-value project "*) cat "$CLOUD/project" 2>/dev/null || echo "(unset)" ;;
  *" config get-value run/region "*) echo "(unset)" ;;
  *" repositories describe "*) cat "$CLOUD/repository" ;;
  *" repositories create "*) echo registry.test/acme/pyexec >"$CLOUD/repository" ;;
  *" service-accounts describe "*) cat "$CLOUD/service-account" ;;
  *" service-accounts create "*) touch "$CLOUD/service-account" ;;
  *" services replace "*) for file; do [ ! -f "$file" ] || cp "$file" "$CLOUD/manifest"; done; [ ! -e "$CLOUD/broken" ] ;;
  *" services describe "*) cat "$CLOUD/url" ;;
  *" print-identity-token "*) echo some-token ;;
esac
"""
DOCKER = """#!/bin/bash
echo "docker $*" >>"$CLOUD/calls"
case " $* " in
  *" info "*) [ ! -e "$CLOUD/no-engine" ] ;;
  *" push "*) [ ! -e "$CLOUD/no-push" ] ;;
  *" image inspect "*) echo other.test/x@sha256:0; echo "registry.test/acme/pyexec/pyexec@sha256:$(printf %064d 7)" ;;
esac
"""
DIGEST = "registry.test/acme/pyexec/pyexec@sha256:" + "7".zfill(64)


class Cloud:
    def __init__(self, path):
        self.path, self.bin = path, path / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to("/usr/bin/python3" if tool == "python3" else shutil.which(tool))
        for name, text in (("gcloud", GCLOUD), ("docker", DOCKER)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.put("account", "me@example.org")
        self.put("project", "acme")

    def put(self, name, text=""):
        (self.path / name).write_text(text + "\n")

    def take(self, name):
        (self.path / name).unlink()

    def deploy(self, *flags, tool="deploy.sh", **more):
        environment = {"PATH": str(self.bin), "CLOUD": str(self.path), "HOME": str(self.path), "TMPDIR": str(self.path), **more}
        return subprocess.run([CLOUDRUN / tool, *flags], env=environment, capture_output=True, text=True)

    @property
    def calls(self):
        """What was asked for that changes something."""
        reading = ("config get-value", "describe", "docker info", "image inspect", "print-identity-token")
        file = self.path / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if not any(word in line for word in reading)]

    @property
    def manifest(self):
        return (self.path / "manifest").read_text()


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path)


# what is taken away or added | flags | what is said
REFUSALS = {
    "no gcloud": (lambda c: c.take("bin/gcloud"), (), "gcloud is missing"),
    "no docker": (lambda c: c.take("bin/docker"), (), "docker is missing"),
    "no python": (lambda c: c.take("bin/python3"), (), "python3 is missing"),
    "no engine": (lambda c: c.put("no-engine"), (), "docker's engine does not answer"),
    "no login": (lambda c: c.take("account"), (), "gcloud auth login"),
    "no project": (lambda c: c.take("project"), (), "--project=ID"),
    "an unknown flag": (lambda c: None, ("--reigon=x",), "unknown: --reigon=x"),
    "a wrong environment": (lambda c: None, ("--environment=gen3",), "gen1 or gen2, not: gen3"),
    "a wrong level": (lambda c: None, ("--min-level=5",), "1 to 4, not: 5"),
    "a wrong name": (lambda c: None, ("--name=My|Service",), "not: My|Service"),
    "an image without digest": (lambda c: None, ("--image=pyexec:latest",), "names no digest"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_is_missing_is_named_and_nothing_done(cloud, what):
    prepare, flags, said = REFUSALS[what]
    prepare(cloud)
    done = cloud.deploy(*flags)
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert cloud.calls == []


def test_from_nothing_to_a_service_that_was_asked(cloud, service):
    cloud.put("url", f"http://{service.host}:{service.port}")
    done = cloud.deploy("--region=europe-north1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "attacks blocked" in done.stdout and done.stdout.splitlines()[-1] == f"http://{service.host}:{service.port}"
    words = [" ".join(call.replace("--quiet --project=acme ", "").split()[:4]) for call in cloud.calls]
    assert words == [
        "gcloud services enable run.googleapis.com", "gcloud artifacts repositories create", "gcloud auth configure-docker registry.test",
        "docker build --platform linux/amd64", words[4], "gcloud iam service-accounts create", "gcloud run services replace"]
    version = subprocess.check_output([ROOT / "dev", "version"], text=True).strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version) and f"--build-arg VERSION={version} --build-arg REVISION=" in cloud.calls[3]
    assert words[4].startswith("docker push registry.test/acme/pyexec/pyexec:")
    assert all("--project=acme" in call for call in cloud.calls if call.startswith("gcloud"))
    assert f"image: {DIGEST}" in cloud.manifest
    assert "serviceAccountName: pyexec-jobs@acme.iam.gserviceaccount.com" in cloud.manifest
    assert "execution-environment: gen1" in cloud.manifest and 'PYEXEC_MIN_LEVEL, value: "2"' in cloud.manifest
    assert not [line for line in cloud.manifest.splitlines() if "${" in line and not line.startswith("#")]
    assert [name for name in os.listdir(cloud.path) if name.startswith("tmp.")] == []


def test_a_second_time_makes_nothing_twice(cloud, service):
    cloud.put("url", f"http://{service.host}:{service.port}")
    cloud.put("repository", "registry.test/acme/pyexec")
    cloud.put("service-account")
    done = cloud.deploy("--public", "--environment=gen2", "--min-level=3", f"--image={DIGEST}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any("create" in call or call.startswith("docker") for call in cloud.calls)
    assert "--member=allUsers --role=roles/run.invoker" in cloud.calls[-1]
    assert "execution-environment: gen2" in cloud.manifest and 'PYEXEC_MIN_LEVEL, value: "3"' in cloud.manifest


def test_a_dry_run_shows_all_and_changes_nothing(cloud):
    done = cloud.deploy("--dry-run")
    assert done.returncode == 0, done.stderr
    assert cloud.calls == []
    for command in ("repositories create", "docker build", "docker push", "service-accounts create", "services replace", "smoke.sh"):
        assert command in done.stderr, done.stderr
    assert "containerConcurrency" in done.stdout


@pytest.mark.parametrize("what", ("no-push", "broken"))
def test_a_step_that_fails_ends_it(cloud, what):
    cloud.put(what)
    done = cloud.deploy()
    assert done.returncode != 0
    assert (what == "broken") == any("services replace" in call for call in cloud.calls)


def test_a_service_without_an_address_is_an_error(cloud):
    cloud.put("url")
    done = cloud.deploy()
    assert done.returncode == 1 and "logs read pyexec" in done.stderr


class Other(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


@pytest.fixture
def other():
    """A server that is not pyexec."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_smoke_fails_for_what_is_not_pyexec(cloud, other):
    done = cloud.deploy(f"http://127.0.0.1:{other.server_port}", tool="smoke.sh")
    assert done.returncode == 1 and "no answer of pyexec" in done.stderr
    assert cloud.deploy("localhost", tool="smoke.sh").returncode == 2


def test_smoke_speaks_tls_and_looks_at_the_certificate(cloud, other, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    other.socket = context.wrap_socket(other.socket, server_side=True)
    url = f"https://localhost:{other.server_port}"
    unknown = cloud.deploy(url, tool="smoke.sh")
    assert unknown.returncode == 1 and "certificate verify failed" in unknown.stderr, unknown.stderr
    known = cloud.deploy(url, tool="smoke.sh", SSL_CERT_FILE=str(certificate))
    assert known.returncode == 1 and "no answer of pyexec" in known.stderr, known.stderr


def test_smoke_fails_where_an_example_does(cloud, service):
    """An import that the examples use is denied there."""
    with Service(timeout_ms=TIMEOUT_MS, deny_imports="pandas") as running:
        done = cloud.deploy(f"http://{running.host}:{running.port}", tool="smoke.sh")
    assert done.returncode == 1 and "FAILED: seed" in done.stdout, done.stdout + done.stderr


def test_smoke_sends_the_credentials(tmp_path, service):
    key = "k" * 40
    keys = tmp_path / "keys.txt"
    digest = subprocess.run(["sha256sum"], input=key, capture_output=True, text=True).stdout.split()[0]
    keys.write_text(f"alice {digest}\n")
    keys.chmod(0o644)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:  # the server reads it as another user
        parent.chmod(0o755)
    with Service(timeout_ms=TIMEOUT_MS, keys_file=keys) as running:
        url = f"http://{running.host}:{running.port}"
        results = [subprocess.run([CLOUDRUN / "smoke.sh", url], env={"PATH": "/usr/bin:/bin", **more}, capture_output=True)
                   for more in ({"PYEXEC_KEY": key, "PYEXEC_TOKEN": "some"}, {"PYEXEC_TOKEN": key})]
    assert [done.returncode for done in results] == [0, 1]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=[script.name for script in SCRIPTS])
def test_scripts_are_clean(script):
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
