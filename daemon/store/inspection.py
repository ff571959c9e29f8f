"""Inspects both databases for an operator; changes nothing."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Literal

import msgspec

from daemon.store.connection import Mongo
from daemon.store.index_comparison import Compared, compare_indexes, keys_of
from daemon.store.preparation import (
    PROBLEMS,
    TargetDatabase,
    collections_of,
    indexes_of,
    special_kind,
    targets,
    view_problems,
)
from models.documents import CLEARVIEW_DOCUMENTS, OWN_DOCUMENTS
from models.documents.clearview_values import Row

Weight = Literal["ok", "note", "bad"]
_FAILS_ALONE = "a record that it refuses is logged Failed and kept in failed_records"
_CLASH = (
    "its index {} is on ({}) instead of ({}); it is kept, and the daemon does not start beside it: "
    "drop it or give it another name"
)
_MISSING = (
    "lacks the index {} on ({}); the daemon's start makes it, unless documents with equal values "
    "are in the way"
)
_KEPT = (
    "its index {} on ({}) differs in {} from the declared one and is kept; to have that one, drop it "
    "and start the daemon again"
)


class Observation(msgspec.Struct, frozen=True):
    """One thing about a collection."""

    where: str
    weight: Weight
    words: str


async def inspect_databases(mongo: Mongo) -> AsyncIterator[Observation]:
    """Yields what differs in collections, validators and indexes of both databases.

    Raises:
        UserError: the user may not read them.
    """
    own, clearview = targets(mongo)
    for target, documents in ((own, OWN_DOCUMENTS), (clearview, CLEARVIEW_DOCUMENTS)):
        found = [one async for one in _inspect(target, documents)]
        for observation in found:
            yield observation
        if not found:
            yield Observation(target.database.name, "ok", "collections and indexes are complete")


async def _inspect(target: TargetDatabase, documents: Sequence[Any]) -> AsyncIterator[Observation]:
    options = await collections_of(target)
    for document in documents:
        name = document.get_settings().name
        if name not in options:
            yield _about(target, name, "note", "is not there yet; the daemon's start makes it")
            continue
        if special := special_kind(options[name]):
            yield _about(target, name, "bad", special)
            continue
        for words in _validator_words(target, document, options[name]):
            yield _about(target, name, "note", words)
        existing = await indexes_of(target, name)
        declared = [each.index for each in document.get_settings().indexes]
        for weight, words in _index_words(compare_indexes(declared, existing)):
            yield _about(target, name, weight, words)
        if not target.is_ours:
            for words in _foreign_words(declared, existing):
                yield _about(target, name, "note", words)
    if target.is_ours:
        for view, problem in view_problems(options):
            yield _about(target, view.name, "note", PROBLEMS[problem])


def _about(target: TargetDatabase, name: str, weight: Weight, words: str) -> Observation:
    return Observation(f"{target.database.name}.{name}", weight, words)


def _validator_words(target: TargetDatabase, document: Any, options: Row) -> Iterable[str]:
    ours = {"$jsonSchema": document.json_schema_validator()}
    has = options.get("validator")
    if target.is_ours and has != ours:
        yield "has another validator than this version's; the daemon's start brings it up to date"
    elif not target.is_ours and has and has != ours:
        action = options.get("validationAction", "error")
        yield f"has a validator of its own (validationAction {action}), which is kept; {_FAILS_ALONE}"


def _index_words(compared: Iterable[Compared]) -> Iterable[tuple[Weight, str]]:
    for one in compared:
        match one.verdict:
            case "clash":
                yield "bad", _CLASH.format(one.name, one.found, one.keys)
            case "missing":
                yield "note", _MISSING.format(one.name, one.keys)
            case "kept":
                yield "note", _KEPT.format(one.found, one.keys, ", ".join(one.differs))


def _foreign_words(declared: Sequence[Any], existing: Sequence[Row]) -> Iterable[str]:
    """Describes unique indexes that are not the daemon's: each may refuse a record."""
    known = [dict(index.document["key"]) for index in declared]
    for index in existing:
        if index.get("unique") and dict(index["key"]) not in known:
            yield (
                f"has a unique index of its own, {index['name']} on ({keys_of(index)}); "
                f"{_FAILS_ALONE}"
            )
