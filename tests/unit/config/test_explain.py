"""`explain` shows every effective value with its origin, and no secret."""

from pathlib import Path

import pytest

from config.explain import MASK, explain_integration
from config.loader import load_operator_config
from config.loading import Loaded
from config.operator import OperatorConfig

TEXT = """\
version: 1
integrations:
  acme:
    connector: lever
    endpoint: ${env:ENDPOINT:-https://api.example/v1}
    credentials:
      api_key: ${env:KEY}
      written: CANARY
      defaulted: ${env:ABSENT:-CANARY}
    acting_user: ${file:user}
    options: {region: "${env:REGION}"}
    poll:
      every: 90s
    statuses: {interview: [Onsite, Panel]}
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded[OperatorConfig]:
    monkeypatch.chdir(tmp_path)
    Path("user").write_text("CANARY")
    Path("f.yaml").write_text(TEXT)
    return load_operator_config(Path("f.yaml"), environment={"KEY": "CANARY", "REGION": "CANARY"})


def test_each_value_is_shown_with_its_origin(loaded: Loaded[OperatorConfig]) -> None:
    explained = {e.path: (e.value, str(e.origin)) for e in explain_integration(loaded, "acme")}

    assert explained["connector"] == ("lever", "f.yaml:4")
    assert explained["poll.every"] == ("90s", "f.yaml:13")
    assert explained["poll.jitter"] == ("10%", "default")
    assert explained["enabled"] == ("true", "default")
    assert explained["deletions.max_percent"] == ("10", "default")
    assert explained["analytics"] == ("(none)", "default")
    assert explained["statuses.interview[1]"] == ("Panel", "f.yaml:14")
    assert explained["endpoint"] == (
        "https://api.example/v1",
        "env ENDPOINT (default), f.yaml:5",
    )


def test_secrets_and_fetched_values_are_masked(loaded: Loaded[OperatorConfig]) -> None:
    explained = {e.path: (e.value, str(e.origin)) for e in explain_integration(loaded, "acme")}

    assert explained["credentials.api_key"] == (MASK, "env KEY, f.yaml:7")
    assert explained["credentials.written"] == (MASK, "f.yaml:8")
    assert explained["credentials.defaulted"] == (MASK, "env ABSENT (default), f.yaml:9")
    assert explained["acting_user"] == (MASK, "file user, f.yaml:10")
    assert explained["options.region"] == (MASK, "env REGION, f.yaml:11")
    assert "CANARY" not in repr(explain_integration(loaded, "acme"))
