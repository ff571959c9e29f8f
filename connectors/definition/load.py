"""Finds definitions on disk and reads one with all its mistakes reported at once."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from config.loading import Loaded, load_yaml_model
from config.problems import suggestion
from config.to_json import to_json
from connectors.definition.check_details import check_detail_requests
from connectors.definition.check_files import check_files
from connectors.definition.check_lists import check_lists
from connectors.definition.check_mapping import check_mapping, check_tests
from connectors.definition.check_settings import check_settings
from connectors.definition.check_writes import check_analytics, check_webhook, check_writes
from connectors.definition.root import DefinitionModel
from models.errors import UserError

_CHECKS = (
    *(check_settings, check_lists, check_detail_requests, check_mapping, check_files),
    *(check_writes, check_analytics, check_webhook, check_tests),
)
"""They report every inconsistency across a definition's parts, which no part can see alone, at its line."""
CATALOG = Path(__file__).parent.parent / "catalog"


class UnknownDefinition(UserError):
    """No connector has this name."""


class Definition(msgspec.Struct, frozen=True):
    """A checked definition and the file it came from."""

    name: str
    path: Path
    model: DefinitionModel
    digest: str
    """Changes whenever the file's content does."""


def find_definitions(paths: Iterable[Path] = ()) -> Mapping[str, Path]:
    """Every definition by name. A folder given here comes before the catalog; YAML only."""
    found: dict[str, Path] = {}
    for folder in (*paths, CATALOG):
        for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
            if path.suffix in {".yaml", ".yml"}:
                found.setdefault(path.stem, path)
    return found


def load_definition(name: str, paths: Iterable[Path] = ()) -> Definition:
    """The definition of that name, or of that file if the name is a path.

    Raises:
        UnknownDefinition: there is none.
        ConfigError: it has mistakes; every one that could be found, at its line.
    """
    known = find_definitions(paths)
    path = Path(name) if name.endswith((".yaml", ".yml")) else known.get(name)
    if path is None or not path.is_file():
        raise UnknownDefinition(
            f'no connector is called "{name}" ({suggestion(name, sorted(known))})',
            remedy="Take one of these names, or put a definition into a folder of connector_paths.",
        )
    loaded = load_yaml_model(path, DefinitionModel, resolve_references=False)
    return _checked(loaded, path)


def load_definition_text(text: str, *, path: Path) -> Definition:
    """The definition that a text holds; `path` is its name.

    Raises:
        ConfigError: it has mistakes.
    """
    loaded = load_yaml_model(path, DefinitionModel, text=text, resolve_references=False)
    return _checked(loaded, path)


def _checked(loaded: Loaded[DefinitionModel], path: Path) -> Definition:
    model = loaded.value
    for check in _CHECKS:
        check(loaded.document, model)
    if model.connector != path.stem:
        loaded.document.error(
            ("connector",), f"must be the file's name without its ending, {path.stem}"
        )
    loaded.problems.raise_errors()
    return Definition(model.connector, path, model, _digest(loaded))


def _digest(loaded: Loaded[DefinitionModel]) -> str:
    """Returns a digest of the parts by which records are read, without comments and tests."""
    tree = to_json(loaded.document.root)
    parts = tree if isinstance(tree, dict) else {}
    counted = {
        key: parts[key] for key in ("lists", "candidate", "application", "statuses") if key in parts
    }
    return sha256(msgspec.json.encode(counted, order="sorted")).hexdigest()[:16]
