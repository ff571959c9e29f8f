"""Real MongoDB for tests: one embedded server per test process, and a three-node set to break."""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import bson
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, OperationFailure

from daemon.store.embedded import guard as embedded_guard
from daemon.store.embedded.binary import locate_mongod
from daemon.store.embedded.server import EmbeddedMongo, start_embedded
from daemon.store.opening import open_mongo
from daemon.store.roles import Role

Client = AsyncMongoClient[dict[str, Any]]
Collection = AsyncCollection[dict[str, Any]]
OP_MSG = 2013
TEST_COMMANDS = (
    *("--setParameter", "enableTestCommands=1"),
    # Tests move clocks: a document that they date years back must not expire under them.
    *("--setParameter", "ttlMonitorEnabled=false", "--setParameter", "ttlMonitorSleepSecs=1"),
)
QUICK_DROPS = ("--journalCommitInterval", "25")
"""A dropped database waits for the next journal commit: 25 ms instead of 100. More often costs an idle server much."""


@contextmanager
def embedded_mongo(folder: Path) -> Iterator[EmbeddedMongo]:
    """One server for many event loops; fail points are on."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        server = runner.run(
            start_embedded(folder, cache_gb=0.25, extra_args=(*TEST_COMMANDS, *QUICK_DROPS))
        )
        try:
            yield server
        finally:
            runner.run(server.stop())


class MongoServer(Protocol):
    """A server for tests: as root they look and prepare, as a user of a role the code under test works."""

    @property
    def root_uri(self) -> str: ...

    def uri_for(
        self, own: str, clearview: str, role: Role = "daemon", *, writes_candidates: bool = True
    ) -> str:
        """The URI of a user who has this role for two databases."""


@dataclass(frozen=True, slots=True)
class OpenServer:
    """A server without access control: there is one URI for all."""

    root_uri: str

    def uri_for(
        self, own: str, clearview: str, role: Role = "daemon", *, writes_candidates: bool = True
    ) -> str:
        del own, clearview, role, writes_candidates
        return self.root_uri


@dataclass(frozen=True, slots=True)
class TestMongo:
    """Two databases that only this test knows, dropped when it ends."""

    __test__ = False

    uri: str
    """For the code under test."""
    database: str
    clearview: str
    client: Client = field(repr=False)
    """For the test itself, which may do anything."""

    @property
    def db(self) -> AsyncDatabase[dict[str, Any]]:
        """The service's own database."""
        return self.client[self.database]

    @property
    def clearview_db(self) -> AsyncDatabase[dict[str, Any]]:
        return self.client[self.clearview]


@asynccontextmanager
async def _connected(server: MongoServer, name: str) -> AsyncIterator[TestMongo]:
    own, clearview = f"ats_sync_{name}", f"clearview_{name}"
    client: Client = AsyncMongoClient(
        server.root_uri, tz_aware=True, serverSelectionTimeoutMS=5_000
    )
    async with client:
        yield TestMongo(server.uri_for(own, clearview), own, clearview, client)


@asynccontextmanager
async def fresh_databases(server: MongoServer, name: str) -> AsyncIterator[TestMongo]:
    async with _connected(server, name) as mongo:
        try:
            yield mongo
        finally:
            for database in (mongo.database, mongo.clearview):
                await mongo.client.drop_database(database)


@dataclass(slots=True)
class PreparedDatabases:
    """A pair of databases whose collections are made once and emptied after each test.

    The oplog shows what a test wrote to: most write to a handful of some forty collections.
    """

    server: MongoServer
    name: str
    _schema: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[TestMongo]:
        """Lends the pair to one test; dropped where the test changed one of its collections."""
        async with _connected(self.server, self.name) as mongo:
            if not self._schema:
                opened = await open_mongo(
                    mongo.uri, database=mongo.database, clearview_database=mongo.clearview
                )
                await opened.close()
                self._schema = await _schema(mongo)
            begun = (await mongo.client.admin.command("ping"))["operationTime"]
            try:
                yield mongo
            finally:
                await self._clean(mongo, await _written_since(mongo.client, begun))

    async def _clean(self, mongo: TestMongo, written: set[str]) -> None:
        databases = (mongo.database, mongo.clearview)
        found = await _collections(mongo)
        definitions = (f"{name}.{of}" for name in databases for of in ("$cmd", "system.views"))
        if not written.isdisjoint(definitions):
            more = [each for each in found if each.full_name not in self._schema]
            await asyncio.gather(*(each.drop() for each in more))
            if await _schema(mongo) != self._schema:
                self._schema = {}
                for name in databases:
                    await mongo.client.drop_database(name)
                return
        used = [each for each in found if each.full_name in written & self._schema.keys()]
        await asyncio.gather(*(_empty(each) for each in used))


async def _written_since(client: Client, begun: bson.Timestamp) -> set[str]:
    """The full names of collections; `$cmd` and `system.views` count as what they are made of."""
    oplog = client.local["oplog.rs"]
    oldest = await oplog.find_one(sort=[("$natural", 1)])
    assert oldest is not None
    assert oldest["ts"] <= begun, "the test wrote more than the oplog holds"
    of_transactions = {"$ifNull": ["$o.applyOps.ns", []]}
    found = await oplog.aggregate(
        [
            {"$match": {"ts": {"$gt": begun}}},
            {"$group": {"_id": {"of": "$ns", "within": {"$setUnion": [of_transactions]}}}},
        ]
    )
    return {name async for row in found for name in (row["_id"]["of"], *row["_id"]["within"])}


async def _empty(collection: Collection) -> None:
    """Deletes the documents and the plans that the server chose for them."""
    await collection.delete_many({})
    await collection.database.command("planCacheClear", collection.name)


async def _collections(mongo: TestMongo) -> list[Collection]:
    databases = (mongo.db, mongo.clearview_db)
    return [db[name] for db in databases for name in sorted(await stored_names(db))]


async def stored_names(database: AsyncDatabase[dict[str, Any]]) -> list[str]:
    """The names of a database's collections, without its views."""
    names = await database.list_collection_names(filter={"type": "collection"})
    return [name for name in names if not name.startswith("system.")]


async def _schema(mongo: TestMongo) -> dict[str, Any]:
    """The collections with their ids, validators and indexes: another id is another collection."""
    made: dict[str, Any] = {}
    for db in (mongo.db, mongo.clearview_db):
        for each in await (await db.list_collections()).to_list():
            made[f"{db.name}.{each['name']}"] = each
    found = await _collections(mongo)
    indexes = await asyncio.gather(*(each.index_information() for each in found))
    return made | {f"{each.full_name} indexes": of for each, of in zip(found, indexes, strict=True)}


@dataclass(slots=True)
class Member:
    """One mongod of a replica set. `kill` is kill -9; `freeze` keeps its connections open."""

    port: int
    dbpath: Path
    replica_set: str
    pid: int = 0
    _guard: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.dbpath.mkdir(parents=True, exist_ok=True)
        with (self.dbpath / "mongod.log").open("ab") as log:
            self._guard = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", embedded_guard.__file__, "10", *self._command()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self.pid = int(await self._guard.stdout.readline())

    def _command(self) -> list[str]:
        return [
            *(str(locate_mongod()), "--dbpath", str(self.dbpath), "--port", str(self.port)),
            *("--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", self.replica_set),
            *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", *TEST_COMMANDS),
            *("--logpath", str(self.dbpath / "mongod.log"), "--logappend"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    async def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        guard = self._guard
        assert guard is not None
        assert guard.stdin is not None
        assert guard.stdout is not None
        await guard.wait()
        guard.stdin.close()
        with contextlib.suppress(ConnectionError):
            await guard.stdin.wait_closed()
        await guard.stdout.read()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def alive(self) -> bool:
        return self._guard is not None and self._guard.returncode is None

    async def stop(self) -> None:
        if self.alive:
            await self.kill()


@dataclass(slots=True)
class ReplicaSet:
    name: str
    members: list[Member]

    @property
    def uri(self) -> str:
        hosts = ",".join(member.host for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={self.name}"

    async def primary(self, *, within: float = 30.0) -> Member:
        """The member that accepts writes, once there is one."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for member in self.members:
                if member.alive and await _says_it_is_primary(member):
                    return member
            await asyncio.sleep(0.05)
        raise AssertionError(f"no primary within {within} s")

    async def step_down(self, *, seconds: int = 5) -> Member:
        """Makes the primary give up; returns the one that gave up."""
        member = await self.primary()
        async with direct_client(member) as client:
            with contextlib.suppress(AutoReconnect):  # it may close the connection that asked
                await client.admin.command("replSetStepDown", seconds, force=True)
        return member

    async def initiate(self) -> None:
        config = {
            "_id": self.name,
            "members": [{"_id": i, "host": m.host} for i, m in enumerate(self.members)],
            "settings": {
                "electionTimeoutMillis": 2_000,
                "heartbeatIntervalMillis": 500,
                # A secondary that reads from a stopped one would hold up every majority write.
                "chainingAllowed": False,
            },
        }
        for member in self.members:  # each must answer the one that asks them all
            async with direct_client(member) as client:
                await client.admin.command("ping")
        async with direct_client(self.members[0]) as client:
            await client.admin.command("replSetInitiate", config)
        await self._wait_for_secondaries()

    async def _wait_for_secondaries(self) -> None:
        client: Client = AsyncMongoClient(self.uri)
        async with client:
            while True:
                try:
                    status = await client.admin.command("replSetGetStatus")
                except (AutoReconnect, OperationFailure):
                    continue
                if sorted(m["state"] for m in status["members"]) == [1, 2, 2]:
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def three_node_replica_set(folder: Path, name: str = "rs3") -> AsyncIterator[ReplicaSet]:
    """Three servers with a primary and two secondaries that have caught up; all gone afterwards."""
    members = [Member(port, folder / str(port), name) for port in free_ports(3)]
    try:
        for member in members:
            await member.start()
        replica_set = ReplicaSet(name, members)
        await replica_set.initiate()
        yield replica_set
    finally:
        for member in members:
            await member.stop()


@asynccontextmanager
async def direct_client(member: Member) -> AsyncIterator[Client]:
    client: Client = AsyncMongoClient(
        member.host, directConnection=True, serverSelectionTimeoutMS=20_000
    )
    async with client:
        yield client


async def _says_it_is_primary(member: Member) -> bool:
    try:
        async with asyncio.timeout(1.0):
            return bool((await _hello(member.port))["isWritablePrimary"])
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return False


async def _hello(port: int) -> dict[str, Any]:
    """One OP_MSG by hand: a driver's client leaves a socket open when it is closed while it connects."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        body = bson.encode({"hello": 1, "$db": "admin"})
        writer.write(struct.pack("<iiiiIB", 21 + len(body), 1, 0, OP_MSG, 0, 0) + body)
        (length,) = struct.unpack("<i", await reader.readexactly(4))
        return bson.decode((await reader.readexactly(length - 4))[17:])
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def free_ports(count: int) -> list[int]:
    """Held open together, so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
