"""The catalog, the documents about it, and the tools that show it."""

import re
from datetime import date
from pathlib import Path

import pytest

from connectors.definition import (
    Definition,
    find_definitions,
    load_definition,
    load_definition_text,
)
from connectors.definition.publish import (
    REFERENCE_FILE,
    SCHEMA_FILE,
    definition_reference,
    definition_schema,
)
from connectors.definition.sources import PathSource
from connectors.integration_checks import integration_notes
from connectors.introspection import (
    list_definitions,
    run_definition_tests,
    show_definition,
)
from connectors.scaffold import new_definition
from connectors.simulator import names
from tests.support.definitions import spoilt
from tests.support.foreign import servers

VENDORS = sorted(find_definitions())
CONNECTORS = Path(load_definition("lever").path).parent.parent
DAEMON = CONNECTORS.parent / "daemon"


def definition(text: str) -> Definition:
    return load_definition_text(text, path=Path("acme.yaml"))


def test_every_vendor_in_the_catalog_has_a_server_that_proves_it() -> None:
    assert set(names()) <= set(VENDORS)
    assert [name for name in VENDORS if name not in {*names(), *servers()}] == []


@pytest.mark.parametrize("name", VENDORS)
def test_a_definition_stays_short(name: str) -> None:
    assert len(load_definition(name).path.read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("name", VENDORS)
def test_a_definitions_own_tests_pass(name: str) -> None:
    results = run_definition_tests(load_definition(name))

    assert results
    assert all(result.passed for result in results), results


def test_a_definitions_test_that_fails_says_what_it_got() -> None:
    wrong = definition(spoilt("application: {status: rejected}", "application: {status: offer}"))

    (result,) = run_definition_tests(wrong)

    assert not result.passed
    assert result.differences == ('application.status: expected "offer", got "rejected"',)


@pytest.mark.parametrize("folder", [CONNECTORS, DAEMON])
def test_no_vendor_is_named_in_the_engine(folder: Path) -> None:
    names = re.compile(rf"\b({'|'.join(VENDORS)})\b", re.IGNORECASE)
    files = [*folder.glob("*.py"), *(folder / "definition").glob("*.py")]

    naming = [path.name for path in files if names.search(path.read_text(encoding="utf-8"))]

    assert naming == []


def test_the_schema_in_the_repository_is_fresh() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == definition_schema()


def test_the_reference_in_the_repository_is_fresh() -> None:
    assert REFERENCE_FILE.read_text(encoding="utf-8") == definition_reference()


def test_every_definition_is_listed_with_its_title() -> None:
    assert {one.name: one.title for one in list_definitions()}["bamboohr"] == "BambooHR"


def test_a_broken_definition_is_listed_with_its_mistakes(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(spoilt("title: Acme Hire\n", ""), encoding="utf-8")

    listed = {one.name: one for one in list_definitions([tmp_path])}["acme"]

    assert listed.title is None
    assert "title: is required" in listed.problems[0]


def test_a_folder_of_the_operator_comes_before_the_catalog(tmp_path: Path) -> None:
    text = load_definition("lever").path.read_text(encoding="utf-8")
    own = text.replace("title: Lever", "title: Our Lever")
    (tmp_path / "lever.yaml").write_text(own, encoding="utf-8")

    assert load_definition("lever", [tmp_path]).model.title == "Our Lever"


def test_what_an_operator_has_to_give_is_shown() -> None:
    shown = show_definition(load_definition("workable"))

    assert shown["credentials"]["token"]["required"] is True
    assert shown["acting_user"]["needed"] == "writes"
    assert shown["writes"] == ["hire", "move", "reject", "unreject", "withdraw"]


def test_an_api_that_ends_soon_is_noted() -> None:
    ending = definition(spoilt("  version: v2\n", "  version: v2\n  sunset: 2027-08-31\n"))

    early = integration_notes("acme", ending, today=date(2027, 1, 1))
    late = integration_notes("acme", ending, today=date(2027, 6, 1))

    assert not any("switches off" in note.message for note in early)
    assert any("switches off the API v2 on 2027-08-31, in 91 days" in n.message for n in late)


def test_a_starter_loads_as_it_is() -> None:
    assert definition(new_definition("acme")).name == "acme"


def test_a_starter_takes_names_from_a_sample(tmp_path: Path) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text('{"data": [{"id": 1, "firstName": "A", "updatedAt": "2026"}]}')

    model = definition(new_definition("acme", sample)).model

    assert model.lists["candidates"].records == "data"
    assert model.candidate is not None
    assert model.candidate.first_name == PathSource("firstName")


def test_a_starter_takes_addresses_from_openapi(tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(
        '{"info": {"title": "Acme", "version": "3"}, "servers": [{"url": "https://a.example/v3"}],'
        ' "paths": {"/applicants": {"get": {}}, "/jobs": {"get": {}}}}'
    )

    model = definition(new_definition("acme", document)).model

    assert model.api.base_url == "https://a.example/v3"
    assert model.lists["candidates"].request.path == "/applicants"
