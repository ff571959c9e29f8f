"""The operator's file checked together with the connector definitions that it names."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
from msgspec.structs import replace

from config.checked_document import Document
from config.cross_checks import DeclaredNames, check_connector_names
from config.loader import (
    load_operator_config,
    load_stored_integration,
    secrets_in,
    within_integration,
)
from config.loading import Loaded
from config.nodes import Scalar, SequenceNode
from config.operator import OperatorConfig
from config.problems import ConfigError, ConfigIssues
from config.yaml_tree import read_yaml
from connectors.definition import Definition, find_definitions, load_definition
from connectors.integration_checks import (
    IntegrationNote,
    check_integrations,
    declared_names,
    integration_notes,
)


class CheckedConfig(msgspec.Struct, frozen=True):
    """A file without mistakes, and every definition that its integrations use, by name."""

    loaded: Loaded[OperatorConfig]
    definitions: Mapping[str, Definition]
    stored: frozenset[str] = frozenset()
    """The integrations that are not in the file, but in the database."""

    def notes(self, *, today: date) -> list[IntegrationNote]:
        """Returns notes on what the connectors in use cannot do, and on what is about to end."""
        return [
            note
            for name in self.loaded.value.integrations
            for note in integration_notes(name, self.definition_of(name), today=today)
        ]

    def definition_of(self, integration: str) -> Definition:
        """The definition by which an integration works."""
        return self.definitions[self.loaded.value.integrations[integration].connector]


@dataclass(slots=True)
class CurrentConfig:
    """The last valid configuration, which an edit of the file replaces."""

    checked: CheckedConfig
    refused: str | None = None
    """The reason why the latest edit is not in force."""

    @property
    def loaded(self) -> Loaded[OperatorConfig]:
        return self.checked.loaded

    @property
    def enabled(self) -> list[str]:
        """Names of the integrations that are enabled."""
        return [name for name, one in self.loaded.value.integrations.items() if one.enabled]


def load_checked_config(
    path: Path, *, environment: Mapping[str, str] | None = None
) -> CheckedConfig:
    """The operator's file and the definitions it uses.

    Raises:
        ConfigError: with every mistake in any of them.
    """
    definitions: dict[str, Definition] = {}
    loaded = load_operator_config(
        path, checks=[_definitions_into(definitions)], environment=environment
    )
    check_integrations(loaded, definitions, os.environ if environment is None else environment)
    loaded.problems.raise_errors()
    return CheckedConfig(loaded, definitions)


def check_stored(name: str, content: Mapping[str, object], file: CheckedConfig) -> CheckedConfig:
    """Returns one integration of the database, checked with its definition.

    Raises:
        ConfigError: with every mistake, by its path within the integration.
    """
    definitions: dict[str, Definition] = {}
    loaded = load_stored_integration(
        name, content, beside=file.loaded, checks=[_definitions_into(definitions)]
    )
    try:
        check_integrations(loaded, definitions, os.environ)
        loaded.problems.raise_errors()
    except ConfigError as error:
        raise ConfigError(within_integration(error.problems, name)) from None
    return CheckedConfig(loaded, definitions)


def with_stored(file: CheckedConfig, stored: Mapping[str, CheckedConfig]) -> CheckedConfig:
    """Returns the file's configuration with integrations of the database; the file's names win."""
    names = stored.keys() - file.loaded.value.integrations.keys()
    added = {name: stored[name].loaded.value.integrations[name] for name in sorted(names)}
    definitions = {n: d for name in names for n, d in stored[name].definitions.items()}
    config = file.loaded.value
    value = config.model_copy(update={"integrations": {**config.integrations, **added}})
    return CheckedConfig(
        replace(file.loaded, value=value), {**definitions, **file.definitions}, frozenset(names)
    )


def require_same_databases(checked: CheckedConfig, in_force: OperatorConfig) -> None:
    """Refuses an edit of what is connected once, at the start.

    Raises:
        ConfigError: names each such setting with its line; values are never shown.
    """
    before, after = in_force.clearview.mongodb, checked.loaded.value.clearview.mongodb
    for name in type(after).model_fields:
        if getattr(before, name) != getattr(after, name):
            checked.loaded.document.error(
                ("clearview", "mongodb", name),
                "cannot change while the daemon runs: restart it, or take this change back",
            )
    checked.loaded.problems.raise_errors()


def secrets_of(loaded: Loaded[OperatorConfig]) -> list[str]:
    """Returns every secret value of the file, so that the log can leave them out."""
    return [secret.get_secret_value() for _, secret in secrets_in(loaded.value)]


def connector_folders_of(path: Path) -> list[Path]:
    """The folders of `connector_paths`, whatever else the file may be; none if there is no file."""
    problems = ConfigIssues()
    return _folders(Document(path, read_yaml(path, problems), problems)) if path.is_file() else []


def _definitions_into(definitions: dict[str, Definition]) -> Callable[[Document], None]:
    """A check that keeps the definitions it loads."""

    def declared(name: str) -> DeclaredNames | None:
        return declared_names(definitions[name]) if name in definitions else None

    def check(document: Document) -> None:
        folders = _folders(document)
        known = find_definitions(folders)
        integrations = document.keys(("integrations",))
        names = {document.text(("integrations", name, "connector")) for name in integrations}
        broken = False
        for name in sorted(n for n in names if n in known and n is not None):
            try:
                definitions[name] = load_definition(name, folders)
            except ConfigError as error:
                broken = True
                for problem in error.problems:
                    document.problems.errors.append(problem)
        # A definition with mistakes cannot say which names it knows.
        if not broken:
            check_connector_names(document, declared, known)

    return check


def _folders(document: Document) -> list[Path]:
    node = document.node(("connector_paths",))
    items = node.items if isinstance(node, SequenceNode) else ()
    return [document.path.parent / item.text for item in items if isinstance(item, Scalar)]
