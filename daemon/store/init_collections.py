"""Ties Beanie's documents to their databases."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from beanie import Document, init_beanie
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReadPreference, WriteConcern
from pymongo.read_concern import ReadConcern

Row = dict[str, Any]
DECIDING: dict[str, Any] = {
    "read_preference": ReadPreference.PRIMARY,
    "read_concern": ReadConcern("majority"),
    "write_concern": WriteConcern(w="majority"),
}
"""Whatever the URI says: a decision by what a secondary has, or by what may be rolled back, loses
changes; an acknowledged write is on a majority of members."""
if TYPE_CHECKING:
    _MotorDatabase = AsyncIOMotorDatabase[Row]
    _MotorClient = AsyncIOMotorClient[Row]
else:
    # Motor's classes take parameters in its stubs only.
    _MotorDatabase, _MotorClient = AsyncIOMotorDatabase, AsyncIOMotorClient


class _Described(_MotorDatabase):
    """A database that knows its server's version.

    Beanie reads the version once a document. With the answer from here, Motor connects only when a
    document is used: its threads wake up twice a second, and delay the end of a process.
    """

    def __init__(self, client: _MotorClient, name: str, build: Row) -> None:
        super().__init__(client, name, **DECIDING)
        self._build = build

    async def command(self, command: Any, *arguments: Any, **options: Any) -> Any:
        """Answers `buildInfo`, and sends any other command to the server."""
        if command == {"buildInfo": 1}:
            return self._build
        return await super().command(command, *arguments, **options)


async def bind(
    motor: _MotorClient, name: str, documents: Sequence[type[Document]], build: Row
) -> None:
    """Gives each document class its collection.

    `build` is the server's `buildInfo`.
    """
    await init_beanie(
        database=_Described(motor, name, build), document_models=list(documents), skip_indexes=True
    )
