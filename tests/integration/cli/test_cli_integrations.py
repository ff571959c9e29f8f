"""Commands about an integration that was added at run time, as an operator types them."""

from pathlib import Path

import pytest

from tests.support.command_line import Answer, CommandWorld, ats_sync

pytestmark = pytest.mark.mongo
SETTINGS = """\
connector: ashby
endpoint: http://127.0.0.1:9
credentials: {api_key: CANARY-KEY}
poll: {every: 7m}
"""


@pytest.fixture
def added(world: CommandWorld, tmp_path: Path) -> CommandWorld:
    file = tmp_path / "new.yaml"
    file.write_text(SETTINGS)
    assert typed(world, "integrations", "add", "acme", "--from", file).code == 0
    return world


def typed(world: CommandWorld, *words: object) -> Answer:
    key = {"ATS_SYNC_ENCRYPTION_KEY": "k" * 40}
    return ats_sync(*words, environment={**world.environment("daemon"), **key})


def test_its_values_are_explained_without_its_secrets(added: CommandWorld) -> None:
    answer = typed(added, "explain", "acme", "--json")

    values = {row["path"]: (row["value"], row["origin"]) for row in answer.json}
    assert values["poll.every"] == ("7m", "database")
    assert values["poll.overlap"] == ("2m", "default")
    assert values["credentials.api_key"][1] == "database"
    assert "CANARY" not in answer.out


def test_it_has_an_address_for_webhooks(added: CommandWorld) -> None:
    answer = typed(added, "integrations", "webhook-url", "acme", "--json")

    assert answer.json["url"].endswith("/webhooks/acme")


@pytest.mark.parametrize(
    "command", ["explain", "verify", "plan", "poll", "integrations webhook-url"]
)
def test_an_unknown_name_is_wrong_usage_and_names_what_there_is(
    added: CommandWorld, command: str
) -> None:
    answer = typed(added, *command.split(), "acne")

    assert answer.code == 2
    assert 'did you mean "acme"?' in answer.err


@pytest.mark.parametrize("command", ["pause", "resume", "remove", "update"])
def test_a_command_about_an_unknown_integration_is_wrong_usage(
    added: CommandWorld, command: str, tmp_path: Path
) -> None:
    patch = ("--from", tmp_path / "new.yaml") if command == "update" else ()

    assert typed(added, "integrations", command, "unknown", *patch).code == 2


def test_what_is_paused_or_disabled_is_not_polled(added: CommandWorld, tmp_path: Path) -> None:
    disabled = tmp_path / "patch.yaml"
    disabled.write_text("enabled: false\n")

    assert typed(added, "integrations", "pause", "acme").code == 0
    while_paused = typed(added, "poll", "acme")
    assert typed(added, "integrations", "update", "acme", "--from", disabled).code == 0
    while_disabled = typed(added, "poll", "acme")

    assert (while_paused.code, while_disabled.code) == (1, 1)
    assert "acme is paused" in while_paused.err
    assert "acme is disabled" in while_disabled.err
