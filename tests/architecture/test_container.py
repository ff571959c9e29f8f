"""The container promises: signals arrive, no root, nothing written outside its volume."""

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.durations import parse_duration
from config.settings import Settings, variable
from daemon.cli import health
from daemon.runtime.lifecycle import MARGIN

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, in order, continuation lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return [
        (word, rest.strip())
        for word, _, rest in (x.partition(" ") for x in joined.splitlines() if x.strip())
    ]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    last_from = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    return found[last_from:]


def last(word: str) -> str:
    return [rest for name, rest in final_stage() if name == word][-1]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(last("ENV")))


def test_the_image_starts_the_daemon_itself_so_that_signals_reach_it() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["ats-sync"]
    assert json.loads(last("CMD")) == ["run"]
    assert last("STOPSIGNAL") == "SIGTERM"


def test_the_image_runs_as_a_user_without_rights() -> None:
    user, _, group = last("USER").partition(":")

    assert int(user) > 0
    assert int(group) > 0


def test_building_tools_stay_in_a_stage_of_their_own() -> None:
    assert len([1 for word, _ in instructions() if word == "FROM"]) == 2
    assert not any("pip" in rest for word, rest in final_stage() if word == "RUN")


def test_downloads_are_checked_against_their_hashes() -> None:
    runs = [rest for word, rest in instructions() if word == "RUN"]
    fetching = [run for run in runs if "pip download" in run or "pip install" in run]

    assert all("--require-hashes" in run or "--no-index" in run for run in fetching)
    assert len(fetching) == 2


def test_the_image_has_the_driver_for_events_whatever_else_is_asked_for() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN" and "--no-index" in rest]

    assert '".[events${EXTRAS:+,$EXTRAS}]"' in installs[0]


def test_the_health_check_asks_the_daemon_by_exec_form() -> None:
    options, _, command = last("HEALTHCHECK").partition("CMD ")
    limit = re.search(r"--timeout=(\S+)", options)

    assert json.loads(command) == ["ats-sync", "health"]
    assert limit is not None
    assert parse_duration(limit[1]) > timedelta(seconds=health.LIMIT_S)


def test_every_setting_in_image_and_compose_file_exists() -> None:
    known = {variable(field) for field in Settings.model_fields}
    used = {*image_environment(), *compose()["services"]["ats-sync"]["environment"]}

    assert {name for name in used if name.startswith("ATS_SYNC_")} <= known
    assert image_environment()["ATS_SYNC_HTTP_HOST"] == "0.0.0.0"


def test_everything_that_the_build_copies_is_let_through_to_it() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {
        name
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    }

    assert {f"!{name}" for name in copied} <= set(ignore)
    assert ignore[1] == "*"


@pytest.mark.parametrize("service", ["mongodb", "ats-sync", "rabbitmq"])
def test_each_service_runs_with_as_little_as_it_needs(service: str) -> None:
    options = compose()["services"][service]

    assert options["read_only"] is True
    assert options["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in options["security_opt"]
    assert "/tmp" in options["tmpfs"]
    assert "privileged" not in options


def test_the_daemon_waits_for_a_replica_set_that_accepts_writes() -> None:
    services = compose()["services"]
    check = " ".join(services["mongodb"]["healthcheck"]["test"])

    assert services["ats-sync"]["depends_on"]["mongodb"]["condition"] == "service_healthy"
    assert "rs.initiate" in check
    assert "isWritablePrimary" in check
    assert "--replSet=rs0" in services["mongodb"]["command"]
    assert "replicaSet=rs0" in services["ats-sync"]["environment"]["ATS_SYNC_MONGODB_URI"]


def test_the_broker_is_there_for_those_who_ask_for_it() -> None:
    services = compose()["services"]
    broker, environment = services["rabbitmq"], services["ats-sync"]["environment"]

    assert broker["profiles"] == ["broker"]
    assert "rabbitmq" not in services["ats-sync"]["depends_on"]
    assert "ports" not in broker
    assert environment["RABBITMQ_URL"] == "amqp://ats-sync:${RABBITMQ_PASSWORD:-}@rabbitmq:5672/"
    assert broker["environment"]["RABBITMQ_DEFAULT_USER"] == "ats-sync"
    assert environment["RABBITMQ_PASSWORD"] == ""


def test_mongodb_wants_a_user_and_members_a_key() -> None:
    mongodb = compose()["services"]["mongodb"]
    [key_file] = [
        word.removeprefix("--keyFile=") for word in mongodb["command"] if "--keyFile" in word
    ]

    assert "--auth" in mongodb["command"]
    assert f"> {key_file}" in mongodb["entrypoint"][2]
    assert "umask 077" in mongodb["entrypoint"][2]
    assert mongodb["tmpfs"] == [str(Path(key_file).parent)]
    assert mongodb["entrypoint"][2].rstrip().endswith('exec docker-entrypoint.sh "$$@"')


def test_a_password_that_is_missing_stops_compose_with_words() -> None:
    wanted = compose()["services"]["mongodb"]["environment"]

    for name in ("MONGODB_ROOT_PASSWORD", "MONGODB_PASSWORD"):
        assert wanted[name].startswith(f"${{{name}:?")


def test_the_daemon_logs_in_as_a_user_of_its_own_and_never_sees_the_root_password() -> None:
    environment = compose()["services"]["ats-sync"]["environment"]

    assert environment["ATS_SYNC_MONGODB_URI"].startswith(
        "mongodb://ats-sync:${MONGODB_PASSWORD}@mongodb:27017/?"
    )
    assert "authSource=admin" in environment["ATS_SYNC_MONGODB_URI"]
    assert environment["MONGODB_ROOT_PASSWORD"] == ""


def test_only_this_machine_reaches_the_port_and_no_secret_is_in_the_file() -> None:
    services = compose()["services"]
    service = services["ats-sync"]
    values = [*service["environment"].items(), *services["mongodb"]["environment"].items()]

    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "ports" not in services["mongodb"]
    assert service["environment"]["ATS_SYNC_ADMIN_TOKEN"] == "${ATS_SYNC_ADMIN_TOKEN:-}"
    for name, value in values:
        if "PASSWORD" in name:
            assert value == "" or value.startswith("${")
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_the_container_is_killed_only_after_the_daemon_had_its_grace() -> None:
    allowed = parse_duration(compose()["services"]["ats-sync"]["stop_grace_period"])
    grace: timedelta = Settings.model_fields["shutdown_grace"].default

    assert allowed > grace + MARGIN
