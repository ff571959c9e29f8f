"""What `privacy` of an integration takes."""

from pathlib import Path

import pytest

from config.problems import ConfigError
from daemon.runtime.checked_config import load_checked_config

FILE = """\
version: 1
integrations:
  acme:
    connector: lever
    credentials: {{api_key: "${{env:KEY}}"}}
    privacy: {}
"""


def problems_of(folder: Path, privacy: str) -> list[str]:
    file = folder / "f.yaml"
    file.write_text(FILE.format(privacy))
    try:
        load_checked_config(file, environment={"KEY": "CANARY"})
    except ConfigError as error:
        found = [str(problem).removeprefix(f"{file}:") for problem in error.problems]
    else:
        found = []
    assert "CANARY" not in repr(found)
    return found


@pytest.mark.parametrize(
    "privacy",
    [
        "{drop: [phones, candidate.emails, sensitive, application.rejection_reason]}",
        "{drop: [custom_fields.salary, application.custom_fields.x, custom_fields]}",
        '{hash: [emails, custom_fields.id, application.source], key: "${env:KEY}"}',
        "{demographic: true}",
    ],
)
def test_fields_and_classes_are_taken(tmp_path: Path, privacy: str) -> None:
    assert problems_of(tmp_path, privacy) == []


@pytest.mark.parametrize(
    ("privacy", "said"),
    [
        ("{drop: [phone]}", 'did you mean "phones"?'),
        ("{drop: [external_id]}", "is no field that privacy.drop takes"),
        ("{drop: [application.status]}", "is no field that privacy.drop takes"),
        ("{drop: [none]}", "is no field that privacy.drop takes"),
        ('{hash: [attachments], key: "${env:KEY}"}', "is no field that privacy.hash takes"),
        ("{hash: [emails]}", "needs `key`"),
        ('{hash: [emails], key: ""}', "is empty"),
    ],
)
def test_anything_else_is_a_mistake_at_its_position(
    tmp_path: Path, privacy: str, said: str
) -> None:
    [problem] = problems_of(tmp_path, privacy)

    assert problem.startswith("6:")
    assert said in problem
