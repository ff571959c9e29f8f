"""Beanie's documents and the collections behind them: tied together, with indexes and validators."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from beanie import Document, init_beanie
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

Row = dict[str, Any]
RETIRED = ("page_prints",)
"""Collections of earlier versions, in the service's own database."""
_NAMESPACE_EXISTS = 48
if TYPE_CHECKING:
    _MotorDatabase = AsyncIOMotorDatabase[Row]
    _MotorClient = AsyncIOMotorClient[Row]
else:
    # Motor's classes take parameters in its stubs only.
    _MotorDatabase, _MotorClient = AsyncIOMotorDatabase, AsyncIOMotorClient


class _Described(_MotorDatabase):
    """A database whose server's version is known.

    Beanie asks for it once a document. Answered here, Motor need not connect before somebody asks
    something by a document: its threads wake up twice a second, and hold up the end of a process.
    """

    def __init__(self, client: _MotorClient, name: str, build: Row) -> None:
        super().__init__(client, name)
        self._build = build

    async def command(self, command: Any, *arguments: Any, **options: Any) -> Any:
        """What `buildInfo` said; whatever else is asked goes to the server."""
        if command == {"buildInfo": 1}:
            return self._build
        return await super().command(command, *arguments, **options)


async def bind(
    motor: _MotorClient, name: str, documents: Sequence[type[Document]], build: Row
) -> None:
    """Let each document know its collection, for those who look through Beanie.

    `build` is the server's `buildInfo`.
    """
    await init_beanie(
        database=_Described(motor, name, build), document_models=list(documents), skip_indexes=True
    )


async def ensure_indexes(database: AsyncDatabase[Row], documents: Sequence[Any]) -> None:
    """Those that are there already are left as they are."""
    for document in documents:
        settings = document.get_settings()
        indexes = [each.index for each in settings.indexes]
        if indexes:
            await database[settings.name].create_indexes(indexes)


async def drop_retired(database: AsyncDatabase[Row]) -> None:
    """Drop what an earlier version kept and no version reads any more."""
    for name in await database.list_collection_names(filter={"name": {"$in": [*RETIRED]}}):
        await database.drop_collection(name)


async def ensure_validators(
    database: AsyncDatabase[Row], documents: Sequence[Any], *, action: str
) -> None:
    """Of all these collections; those that are as they should be cost one question together."""
    found = {
        collection["name"]: collection.get("options", {})
        for collection in await (await database.list_collections()).to_list()
    }
    for document in documents:
        name = document.get_settings().name
        wanted = {
            "validator": {"$jsonSchema": document.json_schema_validator()},
            "validationAction": action,
        }
        has = found.get(name, {})
        if {key: has.get(key) for key in wanted} != wanted:
            await _set_validator(database, name, wanted, exists=name in found)


async def _set_validator(
    database: AsyncDatabase[Row], name: str, wanted: Row, *, exists: bool
) -> None:
    if not exists:
        try:
            await database.create_collection(name, **wanted)
        except (CollectionInvalid, OperationFailure) as error:
            if getattr(error, "code", None) not in (None, _NAMESPACE_EXISTS):
                raise
            # Another replica has made it meanwhile.
        else:
            return
    await database.command("collMod", name, **wanted)
