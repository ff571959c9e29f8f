"""The start: both databases are opened, checked, migrated and prepared."""

from typing import TYPE_CHECKING, Any

from beanie import init_beanie
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import AsyncMongoClient
from pymongo.errors import (
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from daemon.store.connection import DECIDING, ConnectionOptions, Mongo, Row
from daemon.store.migrations import MigrationRunner
from daemon.store.preparation import (
    CLEARVIEW_SETTING,
    OWN_SETTING,
    prepare_all,
    prepare_as_allowed,
    prepare_views,
    targets,
)
from daemon.store.start_errors import explained, unreachable, unusable_uri
from models.documents import CLEARVIEW_DOCUMENTS, OWN_DOCUMENTS
from models.errors import UserError

OLDEST_SERVER = (6, 0)
if TYPE_CHECKING:
    _MotorDatabase = AsyncIOMotorDatabase[Row]
    _MotorClient = AsyncIOMotorClient[Row]
else:
    # Motor's classes take parameters in its stubs only.
    _MotorDatabase, _MotorClient = AsyncIOMotorDatabase, AsyncIOMotorClient


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
    """Connects, checks the servers, and with `prepare` brings the collections up to date.

    Where ClearView's service writes its collections (`mode: http`), they need not be prepared.

    Raises:
        UserError: MongoDB cannot be reached, refuses the login, is too old or no replica set, or its
            database is of a newer release.
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
        if not mongo.is_one_server:
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
        raise unreachable(str(error), hosts, setting) from None
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


def _require_replica_set(hello: Row, setting: str) -> None:
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise UserError(
            "MongoDB runs as a single server; change streams need a replica set",
            remedy=f"start mongod with --replSet and run rs.initiate(), then keep {setting}",
        )


def _refuse_one_member(client: AsyncMongoClient[Row], hello: Row, setting: str) -> None:
    """A direct connection keeps its member when another one is elected."""
    if client.options.direct_connection and len(hello.get("hosts", ())) > 1:
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
    """Ties the Beanie documents to their databases; with `prepare`, prepares both databases."""
    own, clearview = targets(mongo)
    for target, client, motor, documents in (
        (own, mongo.client, mongo.motor, OWN_DOCUMENTS),
        (clearview, mongo.clearview_client, mongo.clearview_motor, CLEARVIEW_DOCUMENTS),
    ):
        with explained(target.operation("buildInfo")):
            build = await client.admin.command("buildInfo")
        database = _Described(motor, target.database.name, build)
        await init_beanie(database=database, document_models=list(documents), skip_indexes=True)
    if not prepare:
        return
    with explained(own.operation("createCollection")):
        await MigrationRunner(mongo, own).run()
        await prepare_all(own, OWN_DOCUMENTS)
        await prepare_views(own)
    with explained(clearview.operation("createCollection")):
        if writes_clearview:
            await prepare_all(clearview, CLEARVIEW_DOCUMENTS)
        else:
            await prepare_as_allowed(clearview, CLEARVIEW_DOCUMENTS)


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
