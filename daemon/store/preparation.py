"""Makes collections, validators, indexes and views that are missing.

What an election, or another replica that starts as well, interrupts is done again. In the service's
own database they are kept up to date. ClearView's collections belong to ClearView:
a validator or an index that exists stays as it is, and one that the daemon cannot make is reported.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from daemon.core.mongodb_codes import DUPLICATE_KEY, NAMESPACE_EXISTS, UNAUTHORIZED
from daemon.store.connection import Mongo, Row
from daemon.store.index_comparison import Compared, compare_indexes
from daemon.store.mongo_errors import repeated
from daemon.store.start_errors import (
    Operation,
    explained,
    index_clash,
    missing_privilege,
    not_usable,
    start_error,
)
from models.documents.base import collection_name
from models.documents.views import VIEWS, StoredView
from models.errors import UserError

log = structlog.get_logger(__name__)

OWN_SETTING = "ATS_SYNC_MONGODB_URI"
CLEARVIEW_SETTING = "clearview.mongodb.uri"
REFUSING: Row = {"validationAction": "error"}
SILENT: Row = {"validationAction": "warn", "validationLevel": "off"}
"""People write ClearView's documents too: there a validator describes, and checks nothing.

One that warns would copy a person's whole document into the server's log, out of an erasure's reach.
"""
_SPECIAL = {
    "viewOn": "is a view, not a collection",
    "timeseries": "is a time series, which can hardly be changed",
    "capped": "is capped: MongoDB drops its oldest documents",
}
"""Collections that do not keep what is written to them, by the option that makes them so."""
Problem = Literal["missing", "no_view", "outdated"]
PROBLEMS: Mapping[Problem, str] = {
    "missing": "is not there yet; the daemon's start makes it",
    "no_view": "is a collection, and should be a view: rename it, and start the daemon again",
    "outdated": "is another version's; the daemon's start brings it up to date",
}


class TargetDatabase(msgspec.Struct, frozen=True):
    """A database, and the names of it in an error."""

    database: AsyncDatabase[Row]
    setting: str
    """The setting that holds its URI."""
    is_ours: bool

    def operation(
        self, privilege: str, collection: str | None = None, index: str | None = None
    ) -> Operation:
        """Describes an operation on this database, for the error that it may meet."""
        return Operation(privilege, self.database.name, self.setting, collection, index)


def targets(mongo: Mongo) -> tuple[TargetDatabase, TargetDatabase]:
    """Returns the service's own database, and ClearView's."""
    setting = OWN_SETTING if mongo.is_one_server else CLEARVIEW_SETTING
    return (
        TargetDatabase(mongo.own, OWN_SETTING, is_ours=True),
        TargetDatabase(mongo.clearview, setting, is_ours=False),
    )


async def prepare_as_allowed(target: TargetDatabase, documents: Sequence[Any]) -> None:
    """Prepares the documents' collections as far as the user may, and reports the rest."""
    try:
        await prepare_all(target, documents)
    except UserError as error:
        log.warning("database_not_prepared", database=target.database.name, reason=str(error))


async def prepare_all(target: TargetDatabase, documents: Sequence[Any]) -> None:
    """Prepares the documents' collections.

    Raises:
        UserError: a collection, validator or index cannot be made.
    """
    found = await collections_of(target)
    for document in documents:
        name = document.get_settings().name
        if words := special_kind(found.get(name, {})):
            raise not_usable(words, target.operation("createCollection", name))
        schema = {"$jsonSchema": document.json_schema_validator()}
        validator = {"validator": schema, **(REFUSING if target.is_ours else SILENT)}
        if name not in found and not await _create(target, name, validator):
            found = {**found, name: {}}
        if name in found and (target.is_ours or _quotes_documents(found[name])):
            await _update_validator(target, name, validator, found[name])
        await _ensure_indexes(target, document, exists=name in found)


async def collections_of(target: TargetDatabase) -> Mapping[str, Row]:
    """Returns the options of every collection, by name."""
    with explained(target.operation("listCollections")):
        rows = await (await target.database.list_collections()).to_list()
    return {row["name"]: row.get("options", {}) for row in rows}


def special_kind(options: Row) -> str | None:
    """Returns what a collection of these options is; None for an ordinary one."""
    return next((words for key, words in _SPECIAL.items() if options.get(key)), None)


async def indexes_of(target: TargetDatabase, name: str) -> Sequence[Row]:
    """Returns the indexes of a collection that exists."""
    with explained(target.operation("listIndexes", name)):
        rows = await (await target.database[name].list_indexes()).to_list()
    return [dict(row) for row in rows]


async def _create(target: TargetDatabase, name: str, validator: Row) -> bool:
    """Creates a collection; False if another replica has made it meanwhile."""
    try:
        await repeated(
            lambda: target.database.create_collection(name, check_exists=False, **validator)
        )
    except CollectionInvalid:
        return False
    except OperationFailure as error:
        if error.code == NAMESPACE_EXISTS:
            return False
        raise start_error(error, target.operation("createCollection", name)) from None
    return True


def _quotes_documents(has: Row) -> bool:
    """True for a validator of ClearView's that an earlier version of the daemon made to warn."""
    fields = has.get("validator", {}).get("$jsonSchema", {}).get("properties", {})
    warns = has.get("validationAction") == "warn" and has.get("validationLevel") != "off"
    return warns and "import_id" in fields


async def _update_validator(target: TargetDatabase, name: str, validator: Row, has: Row) -> None:
    if {key: has.get(key) for key in validator} == validator:
        return
    try:
        # Another replica that starts now may be building an index of the collection.
        await repeated(lambda: target.database.command("collMod", name, **validator))
    except OperationFailure as error:
        # An earlier version's validator may refuse what this one writes; none refuses nothing.
        if error.code != UNAUTHORIZED or (target.is_ours and has.get("validator")):
            raise start_error(error, target.operation("collMod", name)) from None
        log.warning(
            "validator_not_set",
            collection=name,
            reason=str(missing_privilege(target.operation("collMod", name))),
        )


async def _ensure_indexes(target: TargetDatabase, document: Any, *, exists: bool) -> None:
    settings = document.get_settings()
    declared = [each.index for each in settings.indexes]
    if not declared:
        return
    existing = await indexes_of(target, settings.name) if exists else ()
    compared = compare_indexes(declared, existing)
    for one in compared:
        operation = target.operation("createIndex", settings.name, one.name)
        if one.verdict == "clash":
            raise index_clash(operation, has=one.found or "", wants=one.keys)
        if one.verdict == "kept":
            log.info("index_kept", collection=settings.name, index=one.found)
    if missing := [one for one in compared if one.verdict == "missing"]:
        await _create_indexes(target, settings.name, missing)


async def _create_indexes(target: TargetDatabase, name: str, missing: Sequence[Compared]) -> None:
    """Creates all at once; one by one where ClearView's documents do not fit one of them."""
    collection = target.database[name]
    try:
        await repeated(lambda: collection.create_indexes([one.wanted for one in missing]))
    except OperationFailure as error:
        operation = target.operation("createIndex", name, missing[0].name)
        if len(missing) > 1 and error.code != UNAUTHORIZED:
            for one in missing:
                await _create_indexes(target, name, [one])
        elif target.is_ours or error.code not in DUPLICATE_KEY:
            raise start_error(error, operation) from None
        else:
            log.warning(
                "index_not_created",
                collection=name,
                index=missing[0].name,
                reason=str(start_error(error, operation)),
            )


async def prepare_views(target: TargetDatabase, views: Sequence[StoredView] = VIEWS) -> None:
    """Makes the missing views, and changes those of another version.

    No part of the daemon reads them: one that cannot be made is reported, and stops nothing.
    """
    for view, problem in view_problems(await collections_of(target), views):
        match problem:
            case "missing":
                await _reported(target, view, "createCollection", "create")
            case "outdated":
                await _reported(target, view, "collMod", "collMod")
            case "no_view":
                log.warning("view_not_made", collection=view.name, reason=PROBLEMS[problem])


def view_problems(
    found: Mapping[str, Row], views: Sequence[StoredView] = VIEWS
) -> Iterator[tuple[StoredView, Problem]]:
    """Yields each view that is not as declared; `found` has the options of collections by name."""
    for view in views:
        has = found.get(view.name)
        if has is None:
            yield view, "missing"
        elif "viewOn" not in has:
            yield view, "no_view"
        elif {key: has.get(key) for key in _declared(view)} != _declared(view):
            yield view, "outdated"


def _declared(view: StoredView) -> dict[str, Any]:
    return {"viewOn": collection_name(view.on), "pipeline": view.pipeline}


async def _reported(target: TargetDatabase, view: StoredView, privilege: str, command: str) -> None:
    try:
        await repeated(lambda: target.database.command({command: view.name, **_declared(view)}))
    except OperationFailure as error:
        if error.code == NAMESPACE_EXISTS:
            return  # another replica, which starts as well, has made it
        operation = target.operation(privilege, view.name)
        log.warning(
            "view_not_made", collection=view.name, reason=str(start_error(error, operation))
        )
