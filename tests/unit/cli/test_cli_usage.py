"""What needs neither MongoDB nor an ATS: help, usage, validate, explain, simulate."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.simulator import names
from tests.support.command_line import ats_sync

COMMAND = Path(sys.executable).parent / "ats-sync"
COMMANDS = [
    "run", "demo", "poll", "plan", "verify", "doctor", "status", "history", "outbox",
    "alerts", "integrations", "analytics", "connectors", "validate", "explain", "version", "simulate",
    "health",
]  # fmt: skip
VALID = """\
version: 1
integrations:
  acme:
    connector: lever
    credentials: {api_key: "${env:ACME_KEY}"}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACME_KEY", "s3cret-key")
    path = tmp_path / "ats-sync.yaml"
    path.write_text(VALID)
    return path


def test_help_names_every_command() -> None:
    answer = ats_sync("--help")

    assert answer.code == 0
    for name in COMMANDS:
        assert f" {name} " in answer.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_is_a_sentence(name: str) -> None:
    answer = ats_sync(name, "--help")

    text = [line.strip() for line in answer.out.splitlines() if line.strip()]
    assert answer.code == 0
    assert any(line.endswith(".") or ". " in line for line in text[1:4])


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-command"],
        ["validate", "--no-such-option"],
        ["poll"],
        ["history"],
        ["simulate", "lever", "--port", "70000"],
        ["simulate", "levr"],
        ["outbox", "show", "no-uuid"],
        ["outbox", "list", "--state", "deed"],
        ["outbox", "list", "--older-than", "soon"],
        ["outbox", "replay"],
        ["outbox", "drop", str(uuid4()), "--all"],
        ["outbox", "drop", str(uuid4()), "--integration", "acme"],
    ],
)
def test_wrong_usage_exits_with_2(words: list[str]) -> None:
    answer = ats_sync(*words)

    assert answer.code == 2
    assert answer.err.strip()


def test_a_misspelt_word_is_met_with_the_right_one() -> None:
    assert 'did you mean "dead"?' in ats_sync("outbox", "list", "--state", "deed").err
    assert 'did you mean "lever"?' in ats_sync("simulate", "levr").err


def test_a_connector_without_a_simulator_is_not_mistaken_for_another() -> None:
    answer = ats_sync("simulate", "breezy")

    assert answer.code == 2
    assert "has a connector and no simulator; there are: ashby, bamboohr" in answer.err


def test_a_valid_file_is_called_valid(config: Path) -> None:
    answer = ats_sync("validate", "--config", config)

    assert answer.code == 0
    assert "acme: lever" in answer.out
    assert "is valid: 1 integration" in answer.out


def test_validate_shows_every_mistake_at_its_place(config: Path) -> None:
    config.write_text(VALID.replace("lever", "levr").replace("version: 1", "version: 2\npush: 1"))

    answer = ats_sync("validate", "--config", config)
    assert answer.code == 2
    assert (
        f'{config}:5:16  integrations.acme.connector: no connector has this name (did you mean "lever"?)'
        in answer.err
    )
    assert f"{config}:1:10  version:" in answer.err
    assert f"{config}:2:" in answer.err
    assert "3 problems." in answer.err


def test_validate_knows_what_a_connector_asks_for(config: Path) -> None:
    config.write_text(VALID.replace("api_key", "api_kei"))

    answer = ats_sync("validate", "--config", config)
    assert answer.code == 2
    assert 'did you mean "api_key"?' in answer.err
    assert "is required by connector lever" in answer.err


def test_the_name_of_a_variable_is_shown_as_it_is_and_not_as_a_picture(config: Path) -> None:
    config.write_text(VALID.replace("ACME_KEY", "KEY"))

    answer = ats_sync("validate", "--config", config)
    assert "set it, or write ${env:KEY:-default}" in answer.err


def test_doctor_parts_what_is_wrong_from_what_to_do(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATS_SYNC_DATA_DIR", str(config))

    answer = ats_sync("doctor", "--config", config)
    assert answer.code == 1
    assert "cannot be used: Not a directory. -> Make it writable" in " ".join(answer.out.split())


def test_mistakes_of_the_environment_come_with_those_of_the_file(config: Path) -> None:
    config.write_text(VALID.replace("version: 1", "version: 2"))

    answer = ats_sync(
        "validate", "--config", config, environment={"ATS_SYNC_HTTP_PRT": "1", "ACME_KEY": "k"}
    )
    assert answer.code == 2
    assert "ATS_SYNC_HTTP_PRT" in answer.err
    assert f"{config}:1:10" in answer.err


def test_validate_for_scripts(config: Path) -> None:
    valid = ats_sync("validate", "--config", config, "--json")
    config.write_text("version: 2\n")
    wrong = ats_sync("validate", "--config", config, "--json")

    assert (valid.code, valid.json["valid"]) == (0, True)
    assert (wrong.code, wrong.json["valid"]) == (2, False)
    assert wrong.json["problems"]


def test_for_a_missing_file_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    answer = ats_sync("validate", "--config", tmp_path / "none.yaml")

    assert answer.code == 2
    assert "copy the sample" in answer.err


def test_explain_says_where_values_come_from_and_no_secret(config: Path) -> None:
    answer = ats_sync("explain", "acme", "--config", config)
    values = {row["path"]: row for row in ats_sync("explain", "acme", "-c", config, "--json").json}

    assert answer.code == 0
    assert "s3cret-key" not in answer.out
    assert values["connector"]["value"] == "lever"
    assert values["poll.every"]["origin"] == "default"
    assert values["credentials.api_key"]["origin"].startswith("env ACME_KEY")


def test_explaining_an_unknown_integration_is_wrong_usage(config: Path) -> None:
    answer = ats_sync("explain", "acne", "--config", config)

    assert answer.code == 2
    assert 'did you mean "acme"?' in answer.err


def test_the_module_and_the_script_are_the_same_command() -> None:
    script = subprocess.run([COMMAND, "version"], capture_output=True, check=True, text=True)
    module = subprocess.run(
        [sys.executable, "-m", "daemon", "version"], capture_output=True, check=True, text=True
    )

    assert script.stdout == module.stdout
    assert script.stdout.startswith("ats-sync ")


def test_help_imports_no_database_driver() -> None:
    """Help and completion answer at once."""
    code = (
        "import sys\nfrom daemon.cli.command_table import build_app\nbuild_app()\n"
        "print([m for m in ('pymongo', 'motor', 'beanie', 'aiohttp', 'pydantic') if m in sys.modules])"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_simulator_says_how_to_reach_it_and_stops_when_asked(stop: signal.Signals) -> None:
    with subprocess.Popen(
        [COMMAND, "simulate", "lever", "--candidates", "5", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended before it listened"
        process.send_signal(stop)
        _, errors = process.communicate(timeout=20)

    facts = json.loads("".join(lines))
    assert facts["connector"] == "lever"
    assert facts["counts"]["candidates"] == 5
    assert facts["endpoint"].startswith("http://127.0.0.1:")
    assert (process.returncode, errors) == (0, "")


def test_the_simulators_that_help_speaks_of_exist() -> None:
    assert "greenhouse" in names()
