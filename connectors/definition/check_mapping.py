"""Checks of mappings and statuses against the lists they read, and of a definition's own tests."""

from collections.abc import Iterable, Iterator
from typing import Any

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.check_details import check_detail_fields, check_unused_details
from connectors.definition.check_lists import list_named
from connectors.definition.lists import List
from connectors.definition.paths import joins_used
from connectors.definition.records import NOTHING
from connectors.definition.root import DefinitionModel, DefinitionTest
from connectors.definition.sources import Each, Source, paths_in
from models.candidate import APPLICATION_FIELDS, CANDIDATE_FIELDS
from models.status import ApplicationStatus

_HOLDING = {"candidate": ("candidates", "both"), "application": ("applications", "both")}


def check_mapping(document: Document, model: DefinitionModel) -> None:
    for part, holds in _HOLDING.items():
        lists = [name for name, spec in model.lists.items() if spec.holds in holds]
        _check_presence(document, model, part, lists)
        for path, source in sources_of(getattr(model, part), (part,)):
            _check_joins(document, path, paths_in(source), [model.lists[name] for name in lists])
            _check_inside_each(document, path, source)
        check_detail_fields(document, model, part, sources_of(getattr(model, part), (part,)))
    check_unused_details(document, model, _paths(model))
    holding = [each for each in model.lists.values() if each.holds in _HOLDING["application"]]
    for at, outcome in enumerate(model.statuses.outcomes):
        _check_joins(document, ("statuses", "outcomes", at, "when"), [outcome.when], holding)
    _check_unused_joins(document, model)
    _check_statuses(document, model)


def _check_presence(
    document: Document, model: DefinitionModel, part: str, lists: list[str]
) -> None:
    mapping = getattr(model, part)
    if lists and mapping is None:
        document.error(
            (), f"lists.{lists[0]} holds {part}s, but `{part}` does not say how to read one"
        )
    if mapping is not None and not lists:
        document.error((part,), f"no list holds {part}s, so this is never used", on_key=True)


def sources_of(mapping: Any, path: NodePath) -> Iterator[tuple[NodePath, Source]]:
    """Every source of a mapping with its path, those of its parts included."""
    if mapping is None:
        return
    for name in type(mapping).model_fields:
        value = getattr(mapping, name)
        if name in {"job", "stage"}:
            yield from sources_of(value, (*path, name))
        elif name != "each" and value != NOTHING:
            yield (*path, name), value


def _check_joins(
    document: Document, path: NodePath, paths: Iterable[str], lists: list[List]
) -> None:
    for text in paths:
        for name in sorted(joins_used(text)):
            known = [set(spec.joins) for spec in lists]
            if not all(name in joins for joins in known):
                every = set().union(*known) if known else set()
                message = f"reads joined.{name}, but no such join is declared on its list"
                document.error(path, message, hint=did_you_mean(name, every))


def _check_inside_each(document: Document, path: NodePath, source: Source) -> None:
    if not isinstance(source, Each):
        return
    for key, inner in source.fields.items():
        for text in paths_in(inner):
            if not text.startswith("@") and joins_used(text):
                message = "joins cannot be read inside `each`: its paths start at the item"
                document.error((*path, key), message)


def _check_unused_joins(document: Document, model: DefinitionModel) -> None:
    paths = _paths(model) | {outcome.when for outcome in model.statuses.outcomes}
    paths.update(*(write.guard for write in model.writes.operations().values()))
    read = set().union(*map(joins_used, paths), set())
    for name, spec in model.lists.items():
        through = set().union(*(joins_used(join.key) for join in spec.joins.values()), set())
        for join in spec.joins.keys() - read - through:
            message = f"nothing reads joined.{join}"
            document.error(("lists", name, "joins", join), message, on_key=True)


def _paths(model: DefinitionModel) -> set[str]:
    sources = (source for part in _HOLDING for _, source in sources_of(getattr(model, part), ()))
    return {text for source in sources for text in paths_in(source)}


def _check_statuses(document: Document, model: DefinitionModel) -> None:
    application, statuses = model.application, model.statuses
    if application is None:
        return
    kinds = {"kinds": statuses.kinds, "coarse_kinds": statuses.coarse_kinds}
    for part, given in kinds.items():
        if given and application.stage.kind == NOTHING:
            message = "is unreachable: application.stage does not say where a stage's `kind` is"
            document.error(("statuses", part), message, on_key=True)
    _check_kinds_once(document, model)
    if statuses.reasons and application.rejection_reason == NOTHING:
        message = "is unreachable: application.rejection_reason is not mapped"
        document.error(("statuses", "reasons"), message, on_key=True)
    if application.stage.name == NOTHING and application.stage.external_id == NOTHING:
        document.error(("application",), "needs `stage` with a name or an external_id")


def _check_kinds_once(document: Document, model: DefinitionModel) -> None:
    first: dict[str, str] = {}
    for part in ("kinds", "coarse_kinds"):
        for kind in getattr(model.statuses, part):
            earlier = first.setdefault(kind.casefold(), kind)
            if earlier is not kind:
                message = f'kind "{kind}" is listed twice, without regard to case'
                document.error(("statuses", part, kind), message, on_key=True)


def check_tests(document: Document, model: DefinitionModel) -> None:
    """Report tests that cannot run or could not fail."""
    for at, test in enumerate(model.tests):
        path: NodePath = ("tests", at)
        spec = list_named(document, model, (*path, "list"), test.list)
        if spec is None:
            continue
        _check_expectations(document, path, test)
        for name in test.joined.keys() - spec.joins.keys():
            message = f"lists.{test.list} has no such join"
            hint = did_you_mean(name, spec.joins)
            document.error((*path, "joined", name), message, hint=hint, on_key=True)


def _check_expectations(document: Document, path: NodePath, test: DefinitionTest) -> None:
    if not test.candidate and not test.application:
        document.error(path, "expects nothing; add `candidate` or `application`")
    expected = {"candidate": CANDIDATE_FIELDS, "application": APPLICATION_FIELDS}
    for part, known in expected.items():
        for name in getattr(test, part) or {}:
            if name not in known:
                hint = did_you_mean(name, known)
                document.error((*path, part, name), "unknown field", hint=hint, on_key=True)
    status = (test.application or {}).get("status")
    if status is not None and status not in set(ApplicationStatus):
        hint = did_you_mean(str(status), list(ApplicationStatus))
        document.error((*path, "application", "status"), "is no canonical status", hint=hint)
