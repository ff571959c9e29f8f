"""The two databases: how they are opened, checked and prepared."""

from typing import Any

import msgspec
from beanie import Document
from bson.codec_options import DatetimeConversion
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from daemon.store.encoding import RAW_OPTIONS as OWN
from daemon.store.encoding import Encodings
from daemon.store.foreign import TOLERANT
from daemon.store.init_collections import DECIDING, Row, bind
from daemon.store.preparation import Place, drop_retired, prepare_all, prepare_as_allowed
from daemon.store.start_errors import explained, unusable_uri
from models.documents import CLEARVIEW_DOCUMENTS, OWN_DOCUMENTS
from models.errors import UserError

OLDEST_SERVER = (6, 0)
DatabaseError = PyMongoError
"""What anything that talks to MongoDB may raise; callers outside this folder know it by this name."""
OWN_SETTING = "ATS_SYNC_MONGODB_URI"
CLEARVIEW_SETTING = "clearview.mongodb.uri"


class ConnectionOptions(msgspec.Struct, frozen=True):
    """How long to wait for MongoDB, in milliseconds."""

    server_selection_ms: int = 10_000
    operation_ms: int = 20_000
    app_name: str = "ats-sync"


class Mongo:
    """Both databases on both drivers.

    Beanie documents run on Motor; the paths that carry many documents, and the change stream, run
    on PyMongo's own asyncio client (Motor's threads starve beside an open stream).
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
        same = clearview_uri in (None, uri)
        self.clearview_motor = (
            self.motor if same else AsyncIOMotorClient(clearview_uri, **self._client_options())
        )
        self.clearview_client: AsyncMongoClient[Row] = (
            self.client if same else AsyncMongoClient(clearview_uri, **self._client_options())
        )
        self.encodings = Encodings()
        self.database = database
        self.clearview_database = clearview_database

    def _client_options(self) -> dict[str, Any]:
        return {
            "tz_aware": True,
            "uuidRepresentation": "standard",
            "datetime_conversion": DatetimeConversion.DATETIME,
            "unicode_decode_error_handler": "strict",
            "retryWrites": True,
            "retryReads": True,
            "read_preference": ReadPreference.PRIMARY,
            "w": "majority",
            "serverSelectionTimeoutMS": self.options.server_selection_ms,
            "connectTimeoutMS": 5_000,
            "timeoutMS": self.options.operation_ms,
            "appname": self.options.app_name,
            # A server that went away is noticed by whoever asks it; to be told at once keeps an
            # idle daemon awake: two tasks of the driver look ten times a second, and twice.
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
        """The collection after a document of either database."""
        database = self.clearview if document in CLEARVIEW_DOCUMENTS else self.own
        return database[document.get_settings().name or ""]

    async def close(self) -> None:
        for client in {id(c): c for c in (self.client, self.clearview_client)}.values():
            await client.close()
        for motor in {id(m): m for m in (self.motor, self.clearview_motor)}.values():
            motor.close()

    async def ping(self) -> None:
        """Returns if the primary answers.

        Raises:
            PyMongoError: it does not.
        """
        await self.client.admin.command("ping")


async def open_mongo(
    uri: str,
    *,
    database: str,
    clearview_uri: str | None = None,
    clearview_database: str = "clearview",
    options: ConnectionOptions | None = None,
    prepare: bool = True,
    writes_clearview: bool = True,
) -> Mongo:
    """Connect, check that the server will do, and bring collections up to date.

    Where ClearView's service writes its collections (`mode: http`), they need not be prepared.

    Raises:
        UserError: MongoDB cannot be reached, refuses the login, is too old or no replica set.
    """
    try:
        mongo = Mongo(
            uri,
            database=database,
            clearview_uri=clearview_uri,
            clearview_database=clearview_database,
            options=options,
        )
    except (ConfigurationError, TypeError, ValueError) as error:
        settings = [OWN_SETTING, *([CLEARVIEW_SETTING] if clearview_uri else [])]
        raise unusable_uri(" or ".join(settings), error) from None
    try:
        await _check_server(mongo.client, OWN_SETTING)
        if mongo.clearview_client is not mongo.client:
            await _check_server(mongo.clearview_client, CLEARVIEW_SETTING)
        await bind_documents(mongo, prepare=prepare, writes_clearview=writes_clearview)
    except BaseException:
        await mongo.close()
        raise
    return mongo


async def _check_server(client: AsyncMongoClient[Row], setting: str) -> None:
    try:
        hello = await client.admin.command("hello")
        build = await client.admin.command("buildInfo")
    except ServerSelectionTimeoutError as error:
        hosts = ", ".join(sorted(f"{host}:{port}" for host, port in client.nodes)) or "the server"
        raise UserError(
            f"MongoDB cannot be reached ({hosts}): {_first_cause(error)}",
            remedy=f"start it, or correct {setting}; with none set, the embedded one is used",
        ) from None
    except ConfigurationError as error:
        raise unusable_uri(setting, error) from None
    except OperationFailure as error:
        raise UserError(
            f"MongoDB refused the login (code {error.code})",
            remedy=f"check user, password and authSource in {setting}",
        ) from None
    except PyMongoError as error:
        raise UserError(
            f"MongoDB did not answer: {type(error).__name__}", remedy=f"check {setting}"
        ) from None
    _require_replica_set(hello, setting)
    _refuse_one_member(client, hello, setting)
    _require_version(tuple(build["versionArray"][:2]), setting)


def _first_cause(error: Exception) -> str:
    """PyMongo's message goes on with its time-outs, further hosts and its view of all servers."""
    return str(error).split(" (configured timeouts", 1)[0].split(", Timeout:", 1)[0][:200]


def _require_replica_set(hello: Row, setting: str) -> None:
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise UserError(
            "MongoDB runs as a single server; change streams need a replica set",
            remedy=f"start mongod with --replSet and run rs.initiate(), then keep {setting}",
        )


def _refuse_one_member(client: AsyncMongoClient[Row], hello: Row, setting: str) -> None:
    """A direct connection stays with its member when another one is elected."""
    direct = client.options.direct_connection
    if direct and len(hello.get("hosts", ())) > 1:
        raise UserError(
            "directConnection=true ties the daemon to one member of a replica set that has several",
            remedy=f"write replicaSet={hello['setName']} instead of it in {setting}",
        )


def _require_version(version: tuple[int, ...], setting: str) -> None:
    if version < OLDEST_SERVER:
        found, oldest = ".".join(map(str, version)), ".".join(map(str, OLDEST_SERVER))
        raise UserError(
            f"MongoDB {found} is too old; {oldest} or later is needed",
            remedy=f"upgrade the server that {setting} names",
        )


async def bind_documents(
    mongo: Mongo, *, prepare: bool = True, writes_clearview: bool = True
) -> None:
    """Tie the Beanie documents to their databases; with `prepare`, make indexes and validators."""
    own, clearview = places(mongo)
    with explained(own.step("buildInfo")):
        build = await mongo.client.admin.command("buildInfo")
    await bind(mongo.motor, mongo.database, OWN_DOCUMENTS, build)
    with explained(clearview.step("buildInfo")):
        build = await mongo.clearview_client.admin.command("buildInfo")
    await bind(mongo.clearview_motor, mongo.clearview_database, CLEARVIEW_DOCUMENTS, build)
    if not prepare:
        return
    with explained(own.step("createCollection")):
        await drop_retired(own)
        await prepare_all(own, OWN_DOCUMENTS)
    with explained(clearview.step("createCollection")):
        if writes_clearview:
            await prepare_all(clearview, CLEARVIEW_DOCUMENTS)
        else:
            await prepare_as_allowed(clearview, CLEARVIEW_DOCUMENTS)


def places(mongo: Mongo) -> tuple[Place, Place]:
    """The service's own database, and ClearView's."""
    is_apart = mongo.clearview_client is not mongo.client
    setting = CLEARVIEW_SETTING if is_apart else OWN_SETTING
    return Place(mongo.own, OWN_SETTING, is_ours=True), Place(
        mongo.clearview, setting, is_ours=False
    )


__all__ = [
    "ConnectionOptions",
    "DatabaseError",
    "Mongo",
    "Row",
    "bind_documents",
    "open_mongo",
]
