"""The commands about connector definitions."""

import json
import re
from pathlib import Path

import pytest

from connectors.definition.load import CATALOG as FOLDER
from tests.support.command_line import Answer, ats_sync

CATALOG = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one definition of the operator's own, started by `new`."""
    folder = tmp_path / "connectors"
    folder.mkdir()
    (folder / "acme.yaml").write_text(ats_sync("connectors", "new", "acme").out)
    return folder


@pytest.fixture
def config(tmp_path: Path, own: Path) -> Path:
    """Names the folder, and is otherwise full of mistakes."""
    path = tmp_path / "ats-sync.yaml"
    path.write_text(f"version: 9\nconnector_paths: [./{own.name}]\nmistake: ${{env:NOT_SET}}\n")
    return path


def connectors(*words: object) -> Answer:
    return ats_sync("connectors", *words)


def test_the_catalog_is_in_order() -> None:
    answer = connectors("test")

    assert answer.code == 0
    assert f"{len(CATALOG)} of {len(CATALOG)} definitions are in order" in answer.out


def test_the_list_names_the_catalog_and_ones_own(config: Path) -> None:
    listed = connectors("list", "--config", config, "--json").json

    assert [one["name"] for one in listed] == sorted([*CATALOG, "acme"])
    assert [one["name"] for one in listed if not one["in_catalog"]] == ["acme"]
    for name in CATALOG:
        assert name in connectors("list", "--config", config).out


def test_ones_own_definition_is_found_by_config_by_folder_and_by_file(
    config: Path, own: Path
) -> None:
    for words in (
        ("acme", "--config", config),
        ("acme", "--path", own),
        (own / "acme.yaml",),
    ):
        assert connectors("test", *words).code == 0
        assert connectors("show", *words).code == 0


def test_a_definition_with_mistakes_is_shown_them_and_the_others_are_still_tested(
    config: Path, own: Path
) -> None:
    (own / "broken.yaml").write_text("connector: broken\ntitel: Broken\n")

    answer = connectors("test", "--config", config)
    listed = connectors("list", "--config", config)
    assert answer.code == 1
    assert f"{own / 'broken.yaml'}:2:1  titel:" in answer.err
    assert "lever: " in answer.out
    assert f"{len(CATALOG) + 1} of {len(CATALOG) + 2} definitions are in order" in answer.out
    assert (listed.code, "has mistakes" in listed.out) == (0, True)
    assert "titel:" in listed.err


def test_a_failing_test_of_a_definition_shows_the_difference(tmp_path: Path) -> None:
    shipped = (FOLDER / "lever.yaml").read_text()
    head, _, tests = shipped.partition("\ntests:")
    changed = re.sub(r"status: \w+", "status: assessment", tests, count=1)
    assert changed != tests
    (tmp_path / "lever.yaml").write_text(f"{head}\ntests:{changed}")

    answer = connectors("test", tmp_path / "lever.yaml")
    assert answer.code == 1
    assert "application.status: expected" in answer.err


@pytest.mark.parametrize("command", ["show", "test"])
def test_an_unknown_connector_is_wrong_usage_with_a_hint(command: str) -> None:
    answer = connectors(command, "levr")

    assert answer.code == 2
    assert 'did you mean "lever"?' in answer.err


def test_show_says_what_to_give_and_what_the_ats_cannot() -> None:
    answer = connectors("show", "greenhouse")
    facts = connectors("show", "greenhouse", "--json").json

    assert "client_secret" in answer.out
    assert set(facts["credentials"]) >= {"client_id", "client_secret"}
    assert "move" in facts["writes"]


def test_the_schema_is_one_json_document() -> None:
    assert json.loads(connectors("schema").out)["title"]


@pytest.mark.parametrize(
    "words",
    [
        ("new", "No Such Name"),
        ("new", "acme", "--from", "missing.json"),
        ("list", "--path", "missing"),
        ("list", "--config", "missing.yaml"),
    ],
)
def test_wrong_usage_exits_with_2(words: tuple[str, ...]) -> None:
    answer = connectors(*words)

    assert answer.code == 2
    assert answer.err.strip()
