"""`integrations webhook-url`: the address, the steps at the vendor, and what still lacks."""

from pathlib import Path

import pytest

from tests.support.command_line import ats_sync

FILE = """\
version: 1
integrations:
  with-key:
    connector: ashby
    credentials: {api_key: "${env:KEY:-k}", webhook_secret: "${env:HOOK:-hidden-key}"}
    rejection_reasons: {default: "Not a fit"}
  without-key:
    connector: ashby
    credentials: {api_key: "${env:KEY:-k}"}
    rejection_reasons: {default: "Not a fit"}
  no-webhooks:
    connector: bamboohr
    credentials: {api_key: "${env:KEY:-k}"}
    options: {subdomain: acme}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "ats-sync.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_the_address_and_the_steps_are_printed_and_no_key(config: Path) -> None:
    answer = ats_sync(
        *("integrations", "webhook-url", "with-key"),
        *("--config", config, "--base", "https://sync.example/"),
    )

    assert answer.code == 0
    assert answer.out.splitlines()[0] == "https://sync.example/webhooks/with-key"
    assert "Ashby" in answer.out
    assert "hidden-key" not in answer.out


def test_a_key_that_is_not_set_is_named(config: Path) -> None:
    answer = ats_sync("integrations", "webhook-url", "without-key", "--config", config)

    assert "credentials.webhook_secret" in answer.out
    assert "every event is refused" in answer.out


@pytest.mark.parametrize(
    ("name", "words"), [("no-webhooks", "sends no webhooks"), ("unknown", "no integration")]
)
def test_an_integration_without_webhooks_is_an_error(config: Path, name: str, words: str) -> None:
    answer = ats_sync("integrations", "webhook-url", name, "--config", config)

    assert answer.code in (1, 2)
    assert words in answer.err
