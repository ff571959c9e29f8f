"""The two databases on both drivers."""

from typing import Any

import msgspec
from beanie import Document
from bson.codec_options import DatetimeConversion
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from daemon.store.encoding import RAW_OPTIONS as OWN
from models.documents import CLEARVIEW_DOCUMENTS
from models.documents.clearview_values import TOLERANT, Row

DECIDING: dict[str, Any] = {
    "read_preference": ReadPreference.PRIMARY,
    "read_concern": ReadConcern("majority"),
    "write_concern": WriteConcern(w="majority"),
}
"""Whatever the URI says: a decision by what a secondary has, or by what may be rolled back, loses
changes; an acknowledged write is on a majority of members."""
DatabaseError = PyMongoError
"""Any error of MongoDB, for callers outside this folder, who import no driver."""


__all__ = ["ConnectionOptions", "DatabaseError", "Mongo", "Row"]


class ConnectionOptions(msgspec.Struct, frozen=True):
    """Limits of waiting for MongoDB, in milliseconds."""

    server_selection_ms: int = 10_000
    operation_ms: int = 20_000
    app_name: str = "ats-sync"


class Mongo:
    """The clients of both databases.

    Beanie documents use Motor. Paths that carry many documents, and the change stream, use PyMongo's
    own asyncio client: Motor's threads starve beside an open stream.
    """

    def __init__(
        self,
        uri: str,
        *,
        database: str,
        clearview_uri: str | None = None,
        clearview_database: str = "clearview",
        options: ConnectionOptions | None = None,
    ) -> None:
        self.options = options or ConnectionOptions()
        self.motor = AsyncIOMotorClient(uri, **self._client_options())
        self.client: AsyncMongoClient[Row] = AsyncMongoClient(uri, **self._client_options())
        self.clearview_motor, self.clearview_client = self.motor, self.client
        self.is_one_server = clearview_uri in (None, uri)
        if not self.is_one_server:
            self.clearview_motor = AsyncIOMotorClient(clearview_uri, **self._client_options())
            self.clearview_client = AsyncMongoClient(clearview_uri, **self._client_options())
        self.database = database
        self.clearview_database = clearview_database

    def _client_options(self) -> dict[str, Any]:
        return {
            "tz_aware": True,
            "uuidRepresentation": "standard",
            "datetime_conversion": DatetimeConversion.DATETIME_CLAMP,
            "unicode_decode_error_handler": "replace",
            "retryWrites": True,
            "retryReads": True,
            "read_preference": ReadPreference.PRIMARY,
            "w": "majority",
            "serverSelectionTimeoutMS": self.options.server_selection_ms,
            "connectTimeoutMS": 5_000,
            "timeoutMS": self.options.operation_ms,
            "appname": self.options.app_name,
            # The next command notices that a server went away. The driver's streaming monitor would
            # notice it at once, with two tasks that wake an idle daemon ten times a second.
            "serverMonitoringMode": "poll",
        }

    @property
    def own(self) -> AsyncDatabase[Row]:
        """The service's own database."""
        return self.client.get_database(self.database, codec_options=OWN, **DECIDING)

    @property
    def clearview(self) -> AsyncDatabase[Row]:
        """ClearView's database, whose documents may hold anything."""
        return self.clearview_client.get_database(
            self.clearview_database, codec_options=TOLERANT, **DECIDING
        )

    def collection(self, document: type[Document]) -> AsyncCollection[Row]:
        """Returns the collection of a document class of either database."""
        database = self.clearview if document in CLEARVIEW_DOCUMENTS else self.own
        return database[document.get_settings().name or ""]

    async def close(self) -> None:
        await self.client.close()
        self.motor.close()
        if not self.is_one_server:
            await self.clearview_client.close()
            self.clearview_motor.close()


async def why_not_writable(mongo: Mongo) -> str | None:
    """Returns why the service's own database takes no writes; None if it does."""
    return await _why_not(mongo.client, "MongoDB")


async def why_clearview_is_not_writable(mongo: Mongo) -> str | None:
    """Returns why ClearView's database takes no writes; None if it does, or is on the same server."""
    if mongo.clearview_client is mongo.client:
        return None
    return await _why_not(mongo.clearview_client, "ClearView's MongoDB")


async def _why_not(client: AsyncMongoClient[Row], name: str) -> str | None:
    try:
        hello = await client.admin.command("hello")
    except DatabaseError as error:
        return f"{name} does not answer ({type(error).__name__})"
    if hello.get("isWritablePrimary") or hello.get("msg") == "isdbgrid":
        return None
    return f"{name} has no primary that takes writes"
