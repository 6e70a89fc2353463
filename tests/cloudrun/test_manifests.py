"""What is deployed: held against published types of Kubernetes and Knative, and against the server itself."""

import re
import subprocess

import pytest
import yaml

from conftest import BUILD, CLOUDRUN, ENVIRONMENT, ROOT, TIMEOUT_MS, Service

MANIFESTS = (CLOUDRUN / "service.yaml", CLOUDRUN / "kubernetes.yaml")
MIB = 1 << 20
FREED_AFTER_DRAIN_SECONDS = 2  # of main.cc, for the last answers
CLOUD_RUN_SECONDS = 10  # from SIGTERM to SIGKILL


def check(*files):
    return subprocess.run([ROOT / "tests/cloudrun/manifests.sh", *files], env=ENVIRONMENT, capture_output=True, text=True)


def documents(path):
    text = path.read_text().replace("${MIN_LEVEL}", "2")
    return list(yaml.safe_load_all(text))


def one(path, kind):
    found = [document for document in documents(path) if document["kind"] == kind]
    assert len(found) == 1
    return found[0]


def revision():
    return one(CLOUDRUN / "service.yaml", "Service")["spec"]["template"]


def pod():
    return one(CLOUDRUN / "kubernetes.yaml", "Deployment")["spec"]["template"]["spec"]


def environment(container):
    return {variable["name"]: variable["value"] for variable in container["env"]}


CONTAINERS = {
    "service.yaml": lambda: revision()["spec"]["containers"][0],
    "kubernetes.yaml": lambda: pod()["containers"][0],
}


def test_manifests_are_of_their_types():
    done = check(*MANIFESTS)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


# file | what is there | what it becomes | what is said of it
BROKEN = (
    ("service.yaml", "containerConcurrency: 8", "containerConcurency: 8", "containerConcurency"),
    ("service.yaml", "timeoutSeconds: 60", 'timeoutSeconds: "60"', "timeoutSeconds"),
    ("service.yaml", "failureThreshold: 60", "failureTreshold: 60", "failureTreshold"),
    ("kubernetes.yaml", "runAsNonRoot: true", "runAsNotRoot: true", "runAsNotRoot"),
    ("kubernetes.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true", "readOnlyRootFileSystem"),
    ("kubernetes.yaml", "apiVersion: autoscaling/v2", "apiVersion: autoscaling/v3", "autoscaling/v3"),
    ("kubernetes.yaml", "egress: []", "egres: []", "egres"),
    ("kubernetes.yaml", "  minReplicas: 2", "  minReplicas: 2\n  minReplicas: 3", "unique"),
)


@pytest.mark.parametrize("name, there, becomes, said", BROKEN, ids=[row[3] for row in BROKEN])
def test_a_broken_manifest_is_refused(tmp_path, name, there, becomes, said):
    text = (CLOUDRUN / name).read_text()
    assert there in text
    broken = tmp_path / name
    broken.write_text(text.replace(there, becomes, 1))
    done = check(broken)
    assert done.returncode == 1 and said in done.stdout, (done.stdout, done.stderr)


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_server_takes_the_variables(name):
    """--probe reads the configuration like a start does, and refuses what it does not know."""
    given = {"PATH": "/usr/bin:/bin", **environment(CONTAINERS[name]())}
    done = subprocess.run([BUILD / "pyexec-server", "--probe"], env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    refused = subprocess.run([BUILD / "pyexec-server", "--probe"], env=given | {"PYEXEC_NO_SUCH_KNOB": "1"}, capture_output=True)
    assert refused.returncode == 2


def bytes_of(quantity):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()
    return int(number) * {"Mi": MIB, "Gi": 1024 * MIB}[unit]


INTERPRETERS_MIB = 300  # one with its workers, and another while it takes over: 273 at most (docs/performance.md, the image)


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_memory_is_enough_for_all_jobs_at_once(name):
    container = CONTAINERS[name]()
    knobs = environment(container)
    job = int(knobs["PYEXEC_MEMORY_MB"]) + 2 * int(knobs["PYEXEC_TMP_MB"])
    total = job * int(knobs["PYEXEC_RUNNING"]) + INTERPRETERS_MIB + int(knobs["PYEXEC_BODY_MB"])
    assert total * MIB < bytes_of(container["resources"]["limits"]["memory"])
    said = (CLOUDRUN / "service.yaml").read_text() if name == "service.yaml" else (CLOUDRUN / name).read_text()
    assert f"{total} of {bytes_of(container['resources']['limits']['memory']) // MIB}" in said


def test_cloud_run_sends_as_many_requests_as_there_are_workers():
    knobs = environment(CONTAINERS["service.yaml"]())
    assert revision()["spec"]["containerConcurrency"] == int(knobs["PYEXEC_POOL"]) == int(knobs["PYEXEC_RUNNING"])


def test_times_fit_into_each_other():
    spec, knobs = revision()["spec"], environment(CONTAINERS["service.yaml"]())
    assert spec["timeoutSeconds"] * 1000 > int(knobs["PYEXEC_TIMEOUT_MS"])
    assert int(knobs["PYEXEC_DRAIN_MS"]) / 1000 + FREED_AFTER_DRAIN_SECONDS < CLOUD_RUN_SECONDS
    knobs = environment(CONTAINERS["kubernetes.yaml"]())
    pause = int(knobs["PYEXEC_LAME_DUCK_MS"]) / 1000
    assert int(knobs["PYEXEC_DRAIN_MS"]) >= int(knobs["PYEXEC_TIMEOUT_MS"])
    assert pause + int(knobs["PYEXEC_DRAIN_MS"]) / 1000 + FREED_AFTER_DRAIN_SECONDS < pod()["terminationGracePeriodSeconds"]


def test_the_pod_meets_the_restricted_standard():
    """Pod Security Standards, restricted: what it asks of a pod that has no volumes and no ports of its host."""
    namespace = one(CLOUDRUN / "kubernetes.yaml", "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec, container = pod(), pod()["containers"][0]
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes", "initContainers"} & spec.keys()
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] != 0
    assert spec["securityContext"]["seccompProfile"]["type"] in ("Localhost", "RuntimeDefault")
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert (CLOUDRUN / spec["securityContext"]["seccompProfile"]["localhostProfile"]).exists()


def test_everything_selects_the_pods_there_are():
    deployment = one(CLOUDRUN / "kubernetes.yaml", "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    spread = pod()["topologySpreadConstraints"][0]["labelSelector"]
    selectors = [deployment["spec"]["selector"], spread, *(
        one(CLOUDRUN / "kubernetes.yaml", kind)["spec"][field]
        for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")))]
    assert all(selector == {"matchLabels": labels} for selector in selectors)
    assert one(CLOUDRUN / "kubernetes.yaml", "Service")["spec"]["selector"] == labels
    assert one(CLOUDRUN / "kubernetes.yaml", "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    policy = one(CLOUDRUN / "kubernetes.yaml", "NetworkPolicy")["spec"]
    assert policy["egress"] == [] and "Egress" in policy["policyTypes"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_examples_pass_with_these_variables(service, name):
    """service: only for its skip where there is no root."""
    knobs = {key.removeprefix("PYEXEC_").lower(): value for key, value in environment(CONTAINERS[name]()).items()}
    with Service(**knobs | {"timeout_ms": TIMEOUT_MS}) as running:
        done = subprocess.run([CLOUDRUN / "smoke.sh", f"http://{running.host}:{running.port}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
