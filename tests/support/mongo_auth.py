"""A real mongod with access control: a key file, a root user, and users with the roles under test."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pymongo import AsyncMongoClient

from daemon.store.embedded.binary import locate_mongod
from daemon.store.embedded.server import _fixed_options
from tests.support.mongo import TEST_COMMANDS, Client, Member, _free_ports, _says_it_is_primary

PASSWORD = "canary-p%40ss"
"""As it stands in a URI: no output may show it."""
_PLAIN_PASSWORD = "canary-p@ss"


@dataclass(slots=True)
class GuardedMember(Member):
    """A mongod with the embedded one's options that asks everybody for a name."""

    key_file: Path = field(default=Path("key"))

    def _command(self) -> list[str]:
        return [
            *(str(locate_mongod()), *_fixed_options(self.dbpath, self.replica_set, 0.25)),
            *("--port", str(self.port), *TEST_COMMANDS, "--keyFile", str(self.key_file)),
        ]


@dataclass(frozen=True, slots=True)
class GuardedMongo:
    """The server, and what root does there."""

    member: GuardedMember

    def uri(self, user: str) -> str:
        host, name = self.member.host, self.member.replica_set
        return f"mongodb://{user}:{PASSWORD}@{host}/?replicaSet={name}&authSource=admin"

    @asynccontextmanager
    async def root(self) -> AsyncIterator[Client]:
        client: Client = AsyncMongoClient(
            self.member.host,
            username="root",
            password=_PLAIN_PASSWORD,
            directConnection=True,
            uuidRepresentation="standard",
            tz_aware=True,
        )
        async with client:
            yield client

    async def add_user(self, user: str, *roles: str | Mapping[str, str]) -> str:
        """A user; the URI by which it connects."""
        async with self.root() as root:
            await root.admin.command("createUser", user, pwd=_PLAIN_PASSWORD, roles=list(roles))
        return self.uri(user)


@contextmanager
def guarded_mongo(folder: Path) -> Iterator[GuardedMongo]:
    """Access control is on from the first moment; root is made by the localhost exception."""
    key = folder / "key"
    key.write_text("a2V5" * 20)
    key.chmod(0o600)
    [port] = _free_ports(1)
    member = GuardedMember(port, folder / "data", "rs0", key_file=key)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(member.start())
        try:
            runner.run(_initiate(member))
            yield GuardedMongo(member)
        finally:
            runner.run(member.stop())


async def _initiate(member: GuardedMember) -> None:
    anyone: Client = AsyncMongoClient(
        member.host, directConnection=True, serverSelectionTimeoutMS=30_000
    )
    async with anyone:
        members = [{"_id": 0, "host": member.host}]
        await anyone.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        async with asyncio.timeout(30):
            while not await _says_it_is_primary(member):
                await asyncio.sleep(0.05)
        await anyone.admin.command("createUser", "root", pwd=_PLAIN_PASSWORD, roles=["root"])
