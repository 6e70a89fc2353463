"""Alerts and the dashboard: by Prometheus' own tool, and by the names that the server has."""

import json
import re
import shutil
import subprocess

import pytest

from conftest import CLOUDRUN, ENVIRONMENT, ROOT

PROMTOOL = ROOT / "tests/cloudrun/promtool.sh"
HERE = ROOT / "tests/cloudrun"
# What a histogram adds to its name.
SUFFIXES = ("_bucket", "_sum", "_count")
# Labels whose values the server has in its source, and those that Prometheus and histograms add.
OWN_LABELS = {"outcome", "reason", "state", "result", "phase", "direction", "source"}
QUERIES = ("alerts.yaml", "dashboard.json", "kubernetes.yaml")


def source():
    return "\n".join(path.read_text() for path in sorted((ROOT / "server").rglob("*")) if path.suffix in (".cc", ".h"))


def promtool(*arguments, where):
    return subprocess.run([PROMTOOL, *arguments], cwd=where, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.fixture
def rules(tmp_path):
    for file in (CLOUDRUN / "alerts.yaml", HERE / "alerts_test.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_rules_are_rules(rules):
    done = promtool("check", "rules", "alerts.yaml", where=rules)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_not_otherwise(rules):
    done = promtool("test", "rules", "alerts_test.yaml", where=rules)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_both_ways():
    alerts = re.findall(r"- alert: (\w+)", (CLOUDRUN / "alerts.yaml").read_text())
    text = (HERE / "alerts_test.yaml").read_text()
    assert len(alerts) == len(set(alerts)) > 5
    for alert in alerts:
        assert f"alertname: {alert}, exp_alerts: []" in text and f'alertname="{alert}"' in text, alert


# what is there | what it becomes
BROKEN = (("> 0.9", "> 3"), ("< 3", "< 1"), ("for: 1m", "for: 0m"), ('reason="lost"', 'reason="jobs"'))


@pytest.mark.parametrize("there, becomes", BROKEN, ids=[row[0] for row in BROKEN])
def test_another_rule_fails_its_test(rules, there, becomes):
    file = rules / "alerts.yaml"
    text = file.read_text()
    assert there in text
    file.write_text(text.replace(there, becomes))
    assert promtool("test", "rules", "alerts_test.yaml", where=rules).returncode == 1


@pytest.mark.parametrize("name", QUERIES)
def test_every_metric_is_one_of_the_server(name):
    known = set(re.findall(r'"(pyexec_[a-z_]+)"', source()))
    assert "pyexec_jobs_total" in known
    used = set(re.findall(r"\bpyexec_[a-z_]+", (CLOUDRUN / name).read_text()))
    assert used
    missing = {metric for metric in used
               if metric not in known and not any(metric.removesuffix(suffix) in known for suffix in SUFFIXES)}
    assert not missing


@pytest.mark.parametrize("name", QUERIES[:2])
def test_every_value_of_a_label_is_one_of_the_server(name):
    text, code = (CLOUDRUN / name).read_text(), source()
    values = {value for label, given in re.findall(r'(\w+)=~?\\?"([\w|]+)\\?"', text) if label in OWN_LABELS
              for value in given.split("|")}
    assert values
    # Phases are names in a table; all else is text.
    assert not {value for value in values if f'"{value}"' not in code and not re.search(rf"\bX\({value}[,)]", code)}


def test_the_dashboard_is_whole():
    dashboard = json.loads((CLOUDRUN / "dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels) > 10
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= variables and target["expr"].count("(") == target["expr"].count(")"), target["expr"]


def test_promtool_parses_every_query_of_the_dashboard(tmp_path):
    panels = json.loads((CLOUDRUN / "dashboard.json").read_text())["panels"]
    queries = [target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
               for panel in panels for target in panel["targets"]]
    rules = [{"record": f"query:number{i}", "expr": query} for i, query in enumerate(queries)]
    (tmp_path / "queries.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", "queries.yaml", where=tmp_path)
    assert done.returncode == 0 and f"{len(queries)} rules found" in done.stdout, done.stdout + done.stderr
