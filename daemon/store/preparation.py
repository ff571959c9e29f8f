"""Collections, validators and indexes: made where they are missing.

In the service's own database they are kept up to date. ClearView's collections belong to ClearView:
a validator or an index that is there stays as it is, and what the daemon misses is reported.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from daemon.store.failures import DUPLICATE_KEYS
from daemon.store.foreign import Row
from daemon.store.indexes import Compared, compare_indexes
from daemon.store.start_errors import (
    UNAUTHORIZED,
    Step,
    explained,
    index_clash,
    missing_privilege,
    start_error,
)
from models.errors import UserError

log = structlog.get_logger(__name__)

RETIRED = ("page_prints",)
"""Collections of earlier versions, in the service's own database."""
_NAMESPACE_EXISTS = 48


class Place(msgspec.Struct, frozen=True):
    """A database, and how an error names it."""

    database: AsyncDatabase[Row]
    setting: str
    is_ours: bool

    def step(self, privilege: str, collection: str | None = None, index: str | None = None) -> Step:
        """What is about to be done here."""
        return Step(privilege, self.database.name, self.setting, collection, index)


async def prepare_as_allowed(place: Place, documents: Sequence[Any]) -> None:
    """Make what is missing, as far as the user may."""
    try:
        await prepare_all(place, documents)
    except UserError as error:
        log.warning("database_not_prepared", database=place.database.name, reason=str(error))


async def prepare_all(place: Place, documents: Sequence[Any]) -> None:
    """Make what is missing.

    Raises:
        UserError: something that is needed cannot be made.
    """
    # People write ClearView's documents too: there a validator warns in the server's log only.
    action = "error" if place.is_ours else "warn"
    found = await collections_of(place)
    for document in documents:
        name = document.get_settings().name
        validator = {
            "validator": {"$jsonSchema": document.json_schema_validator()},
            "validationAction": action,
        }
        if name not in found and not await _create(place, name, validator):
            found = {**found, name: {}}
        if name in found and place.is_ours:
            await _update_validator(place, name, validator, found[name])
        await _ensure_indexes(place, document, exists=name in found)


async def collections_of(place: Place) -> Mapping[str, Row]:
    """Options of every collection, by name."""
    with explained(place.step("listCollections")):
        rows = await (await place.database.list_collections()).to_list()
    return {row["name"]: row.get("options", {}) for row in rows}


async def indexes_of(place: Place, name: str) -> Sequence[Row]:
    """The indexes of a collection that exists."""
    with explained(place.step("listIndexes", name)):
        rows = await (await place.database[name].list_indexes()).to_list()
    return [dict(row) for row in rows]


async def _create(place: Place, name: str, validator: Row) -> bool:
    """False if another replica has made the collection meanwhile."""
    try:
        await place.database.create_collection(name, check_exists=False, **validator)
    except CollectionInvalid:
        return False
    except OperationFailure as error:
        if error.code == _NAMESPACE_EXISTS:
            return False
        raise start_error(error, place.step("createCollection", name)) from None
    return True


async def _update_validator(place: Place, name: str, validator: Row, has: Row) -> None:
    if {key: has.get(key) for key in validator} == validator:
        return
    try:
        await place.database.command("collMod", name, **validator)
    except OperationFailure as error:
        # An earlier version's validator may refuse what this one writes; none refuses nothing.
        if error.code != UNAUTHORIZED or has.get("validator"):
            raise start_error(error, place.step("collMod", name)) from None
        log.warning(
            "validator_not_set",
            collection=name,
            reason=str(missing_privilege(place.step("collMod", name))),
        )


async def _ensure_indexes(place: Place, document: Any, *, exists: bool) -> None:
    settings = document.get_settings()
    declared = [each.index for each in settings.indexes]
    if not declared:
        return
    existing = await indexes_of(place, settings.name) if exists else ()
    for one in compare_indexes(declared, existing):
        step = place.step("createIndex", settings.name, one.name)
        if one.verdict == "clash":
            raise index_clash(step, has=one.found or "", wants=one.keys)
        if one.verdict == "kept":
            log.info("index_kept", collection=settings.name, index=one.found)
    missing = [one for one in compare_indexes(declared, existing) if one.verdict == "missing"]
    if missing:
        await _create_indexes(place, settings.name, missing)


async def _create_indexes(place: Place, name: str, missing: Sequence[Compared]) -> None:
    """All at once; each for itself where ClearView's documents are in the way of one."""
    collection = place.database[name]
    try:
        await collection.create_indexes([one.wanted for one in missing])
    except OperationFailure as error:
        step = place.step("createIndex", name, missing[0].name)
        if len(missing) > 1 and error.code != UNAUTHORIZED:
            for one in missing:
                await _create_indexes(place, name, [one])
        elif place.is_ours or error.code not in DUPLICATE_KEYS:
            raise start_error(error, step) from None
        else:
            log.warning(
                "index_not_created",
                collection=name,
                index=missing[0].name,
                reason=str(start_error(error, step)),
            )


async def drop_retired(place: Place) -> None:
    """Drop what an earlier version kept and no version reads any more, where that is allowed."""
    database = place.database
    with explained(place.step("listCollections")):
        names = await database.list_collection_names(filter={"name": {"$in": [*RETIRED]}})
    for name in names:
        with suppress(OperationFailure):
            await database.drop_collection(name)
