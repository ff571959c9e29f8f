"""The files of deploy/ name what the daemon has: settings, paths, metrics, and a file that is valid."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.loader import load_operator_config
from config.settings import Settings
from tests.support.pages import ROOT, page

KUBERNETES = {
    one["kind"]: one for one in yaml.safe_load_all(page("deploy/kubernetes/ats-sync.yaml"))
}
POD = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
RULES = [
    rule
    for group in yaml.safe_load(page("deploy/prometheus/rules.yaml"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads(page("deploy/grafana/ats-sync.json"))
METRIC = re.compile(r"ats_sync_\w+")
METRICS = set(METRIC.findall(page("docs/operations.md").split("\n## Metrics", 1)[1]))


def expressions() -> list[str]:
    return [rule["expr"] for rule in RULES] + [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
    ]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_metrics_that_there_are(expression: str) -> None:
    named = {name.removesuffix("_bucket") for name in METRIC.findall(expression)}

    assert named or expression.startswith("up{")
    assert named <= METRICS


def test_each_rule_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}


def test_the_probes_ask_for_paths_of_the_port() -> None:
    described = json.loads(page("docs/openapi.json"))["paths"]
    probes = [CONTAINER[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")]

    assert [probe["path"] for probe in probes] == ["/healthz", "/readyz"]
    assert {probe["path"] for probe in probes} <= described.keys()


def test_the_pod_ends_later_than_the_daemon_and_has_no_rights() -> None:
    grace = Settings.model_fields["shutdown_grace"].get_default(call_default_factory=True)

    assert POD["terminationGracePeriodSeconds"] > grace.total_seconds() + 1
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not POD["automountServiceAccountToken"]


def test_the_objects_belong_together() -> None:
    labels = KUBERNETES["Deployment"]["spec"]["template"]["metadata"]["labels"]
    mounted = {mount["name"] for mount in CONTAINER["volumeMounts"]}

    assert KUBERNETES["Service"]["spec"]["selector"] == labels
    assert KUBERNETES["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert mounted == {volume["name"] for volume in POD["volumes"]}
    assert POD["volumes"][0]["configMap"]["name"] == KUBERNETES["ConfigMap"]["metadata"]["name"]


def test_the_sample_file_of_the_config_map_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "ats-sync.yaml"
    path.write_text(KUBERNETES["ConfigMap"]["data"]["ats-sync.yaml"], encoding="utf-8")

    assert load_operator_config(path).value.version == 1


def test_the_secret_that_the_guide_makes_has_settings_of_the_daemon() -> None:
    named = set(re.findall(r"ATS_SYNC_(\w+)=", page("deploy/README.md")))

    assert named
    assert named <= {name.upper() for name in Settings.model_fields}
    assert (ROOT / "compose.yaml").exists()
