"""What an operator says about candidates' files, and how mistakes are answered."""

from pathlib import Path

import pytest

from config.problems import ConfigError
from daemon.runtime.checked_config import load_checked_config

FILE = """\
version: 1
integrations:
  acme:
    connector: {connector}
    endpoint: https://acme.example
    credentials: {{api_key: "${{env:KEY}}"}}
    attachments: {attachments}
"""


def warnings_of(folder: Path, attachments: str, *, connector: str = "ashby") -> list[str]:
    file = folder / "f.yaml"
    file.write_text(FILE.format(connector=connector, attachments=attachments))
    checked = load_checked_config(file, environment={"KEY": "x"})
    return [str(warning).removeprefix(f"{file}:") for warning in checked.loaded.warnings]


def problems_of(folder: Path, attachments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        warnings_of(folder, attachments)
    return [problem.message for problem in caught.value.problems]


def test_all_that_may_be_said(tmp_path: Path) -> None:
    said = "{policy: download, kinds: [resume], max_size: 5MB, hosts: ['*.acme.example']}"

    assert warnings_of(tmp_path, said) == []


def test_files_that_cannot_be_fetched_are_warned_of(tmp_path: Path) -> None:
    warnings = warnings_of(tmp_path, "{policy: download}", connector="jazzhr")

    assert any("attachments.policy: files of JazzHR cannot be fetched" in w for w in warnings)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{policy: all}", "must be one of none, metadata, download"),
        ("{kinds: []}", "must not be empty"),
        ("{kinds: [cv]}", "must be one of resume, cover_letter, other"),
        ("{max_size: 5}", "must be from 1KB to 100MB"),
        ("{max_size: 5GB}", "must be a size: one whole number and a unit"),
        ("{max_size: 500MB}", "must be from 1KB to 100MB, got 500MB"),
        ("{hosts: [localhost]}", "must be a host such as files.example.com"),
        ("{hosts: ['https://a.example/files']}", "must not carry a path"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, said: str, message: str) -> None:
    [found] = problems_of(tmp_path, said)

    assert message in found
