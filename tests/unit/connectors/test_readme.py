"""What the README shows: its pieces are YAML, its functions are all there are, its file loads."""

import re
import textwrap
from pathlib import Path
from typing import cast

import pytest
from pydantic import TypeAdapter

import connectors
from config.problems import ConfigIssues
from config.to_json import to_json
from config.yaml_tree import parse_yaml
from connectors.definition import load_definition
from connectors.definition.root import DefinitionModel
from connectors.definition.sources import FUNCTIONS
from connectors.introspection import run_definition_tests
from tests.support.definitions import ACME_FILE

README = Path(connectors.__file__).with_name("README.md").read_text(encoding="utf-8")
WRITTEN = [textwrap.dedent(each) for each in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]
PIECES = [
    cast("dict[str, object]", to_json(parse_yaml(each.encode(), "README.md", ConfigIssues())))
    for each in WRITTEN
]


def test_the_whole_file_loads_and_passes_its_own_test() -> None:
    definition = load_definition(str(ACME_FILE))

    assert all(result.passed for result in run_definition_tests(definition))


@pytest.mark.parametrize("piece", PIECES)
def test_every_piece_shows_known_parts(piece: dict[str, object]) -> None:
    assert piece.keys() <= DefinitionModel.model_fields.keys()


@pytest.mark.parametrize("piece", PIECES)
def test_every_piece_of_a_list_or_write_is_as_the_models_want_it(piece: dict[str, object]) -> None:
    for part in ("writes", "limits", "errors", "statuses", "application", "candidate"):
        shown = piece.get(part)
        if shown is not None:
            field = DefinitionModel.model_fields[part]
            assert field.annotation is not None
            TypeAdapter[object](field.annotation).validate_python(shown)


@pytest.mark.parametrize("function", [*FUNCTIONS, "each"])
def test_every_function_is_explained(function: str) -> None:
    assert f"`{{{function}: " in README
