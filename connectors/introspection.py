"""The values that `ats-sync connectors` shows and makes. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec

from config.problems import ConfigError
from connectors.definition.load import CATALOG, Definition, find_definitions, load_definition
from connectors.definition.placeholders import fill
from connectors.definition.root import DefinitionModel, DefinitionTest
from connectors.read.mapping import ApplicationMapper, CandidateMapper, FieldIssue, RecordFailed
from connectors.read.statuses import StatusRules
from connectors.times import time_zone
from models.status import ApplicationStatus
from models.times import iso


class Listed(msgspec.Struct, frozen=True):
    """A definition in a list of them."""

    name: str
    file: Path
    in_catalog: bool
    title: str | None = None
    version: str | None = None
    problems: tuple[str, ...] = ()
    """The mistakes that keep it from being used; title and version are unknown then."""


def list_definitions(paths: Iterable[Path] = ()) -> list[Listed]:
    """Every definition on disk, broken ones included, by name."""
    folders = list(paths)
    found = find_definitions(folders)
    return [_listed(name, path, folders) for name, path in sorted(found.items())]


def _listed(name: str, path: Path, folders: list[Path]) -> Listed:
    in_catalog = path.parent == CATALOG
    try:
        model = load_definition(name, folders).model
    except ConfigError as error:
        return Listed(name, path, in_catalog, problems=tuple(map(str, error.problems)))
    return Listed(name, path, in_catalog, model.title, model.api.version)


def show_definition(definition: Definition) -> dict[str, Any]:
    """Returns what an operator has to configure and what he gets, as JSON values."""
    model = definition.model
    return {
        "connector": definition.name,
        "title": model.title,
        "file": str(definition.path),
        "address": model.api.base_url,
        "version": model.api.version,
        "sunset": model.api.sunset.isoformat() if model.api.sunset else None,
        "credentials": {
            name: {"description": one.description, "required": one.required}
            for name, one in model.credentials.items()
        },
        "options": {
            name: {
                "description": one.description,
                "default": one.default,
                "required": one.required and one.default is None,
            }
            for name, one in model.options.items()
        },
        "acting_user": model.acting_user.model_dump() if model.acting_user else None,
        "lists": {
            name: {"holds": spec.holds, "cursor": spec.cursor.kind if spec.cursor else None}
            for name, spec in model.lists.items()
            if spec.holds != "lookup"
        },
        "writes": sorted(model.writes.operations()),
        "note": model.writes.note is not None
        or any(map(model.writes.carries_note, ApplicationStatus)),
        "rejection_email": model.writes.takes_email,
        "hired_fields": {name: one.description for name, one in model.writes.hired_fields.items()},
        "analytics": model.analytics.kind if model.analytics else None,
        "webhook": model.webhook is not None,
        "waivers": dict(model.waivers),
    }


class TestResult(msgspec.Struct, frozen=True):
    """The result of one test of a definition."""

    __test__ = False

    name: str
    differences: tuple[str, ...] = msgspec.field(default=())

    @property
    def passed(self) -> bool:
        """True if everything was as expected."""
        return not self.differences


def run_definition_tests(definition: Definition) -> list[TestResult]:
    """Run the definition's own tests; nothing is sent anywhere."""
    return [TestResult(test.name, tuple(_differences(definition, test)))
            for test in definition.model.tests]  # fmt: skip


def _differences(definition: Definition, test: DefinitionTest) -> list[str]:
    model = definition.model
    record: dict[str, Any] = {**test.given, "joined": test.joined}
    found: list[str] = []
    issues: list[FieldIssue] = []
    try:
        if test.candidate is not None and model.candidate is not None:
            candidate = CandidateMapper(model.candidate, {}, _zone(model)).read(record, issues)
            found += _compared("candidate", test.candidate, dict(candidate))
        if test.application is not None and model.application is not None:
            rules = StatusRules(model.statuses, {})
            mapper = ApplicationMapper(model.application, rules, {}, _zone(model))
            parts = [{**part, "joined": test.joined} for part in mapper.parts(record)]
            if not parts:
                return [*found, "application: the record has none"]
            application = mapper.read(parts[0], issues).application
            found += _compared("application", test.application, dict(application))
    except RecordFailed as error:
        found.append(str(error))
    return [*found, *(f"{each.name}: {each.reason}" for each in issues)]


def _zone(model: DefinitionModel) -> tzinfo:
    """The definition's own time zone, or that of an option's default."""
    defaults = {f"options.{name}": option.default for name, option in model.options.items()}
    name = fill(model.api.time_zone, defaults.get)
    return time_zone(name) if isinstance(name, str) else UTC


def _compared(part: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [
        f"{part}.{name}: expected {_shown(value)}, got {_shown(found.get(name))}"
        for name, value in expected.items()
        if _comparable(found.get(name)) != _comparable(value)
    ]


def _comparable(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return value


def _shown(value: Any) -> str:
    return msgspec.json.encode(_comparable(value)).decode()
