"""A real mongod with access control and TLS of a private CA, and users with the printed roles."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import AsyncMongoClient, MongoClient

from daemon.store.embedded.binary import locate_mongod
from daemon.store.embedded.server import fixed_options
from daemon.store.roles import Databases, Role, role_commands
from tests.support.certificates import write_certificates
from tests.support.mongo import QUICK_DROPS, TEST_COMMANDS, Client, Member, free_ports

PASSWORD = "canary-p%40ss"
"""As it is written in a URI: no output may show it."""
_PLAIN_PASSWORD = "canary-p@ss"


@dataclass(slots=True)
class GuardedMember(Member):
    """A mongod with the embedded one's options that asks everybody for a name, and speaks only TLS."""

    folder: Path = field(kw_only=True)

    def _command(self) -> list[str]:
        return [
            *(str(locate_mongod()), *fixed_options(self.dbpath, self.replica_set, 0.25)),
            *("--port", str(self.port), *TEST_COMMANDS, *QUICK_DROPS),
            *("--keyFile", str(self.folder / "key")),
            *("--tlsMode", "requireTLS", "--tlsAllowConnectionsWithoutCertificates"),
            *("--tlsCertificateKeyFile", str(self.folder / "both.pem")),
            *("--tlsCAFile", str(self.folder / "ca.pem")),
        ]


@dataclass(frozen=True, slots=True)
class GuardedMongo:
    """The server, and what root does there."""

    member: GuardedMember
    _users: set[str] = field(default_factory=set)

    def uri(self, user: str) -> str:
        """The URI of a user, whether there is one or not."""
        host, name = self.member.host, self.member.replica_set
        return f"mongodb://{user}:{PASSWORD}@{host}/?replicaSet={name}&authSource=admin&{self._tls}"

    @property
    def root_uri(self) -> str:
        return self.uri("root")

    @property
    def _tls(self) -> str:
        return f"tls=true&tlsCAFile={quote(str(self.member.folder / 'ca.pem'))}"

    @asynccontextmanager
    async def root(self) -> AsyncIterator[Client]:
        client: Client = AsyncMongoClient(
            self.root_uri, uuidRepresentation="standard", tz_aware=True
        )
        async with client:
            yield client

    def add_user(self, user: str, *roles: str | Mapping[str, str]) -> str:
        """A user; the URI by which it connects."""
        self._as_root({"createUser": user, "pwd": _PLAIN_PASSWORD, "roles": list(roles)})
        return self.uri(user)

    def add_role(self, command: Mapping[str, Any]) -> None:
        self._as_root(command)

    def uri_for(
        self, own: str, clearview: str, role: Role = "daemon", *, writes_candidates: bool = True
    ) -> str:
        """The URI of a user who has nothing but the printed role, for these two databases."""
        user = f"{role}_{own}" if writes_candidates else f"http_{role}_{own}"
        if user not in self._users:
            databases = Databases(own, clearview, writes_candidates=writes_candidates)
            [printed] = role_commands(role, databases)
            self.add_role({**printed.command, "createRole": user})
            self.add_user(user, user)
            self._users.add(user)
        return self.uri(user)

    def _as_root(self, command: Mapping[str, Any]) -> None:
        with MongoClient[dict[str, Any]](self.root_uri) as client:
            client.admin.command(dict(command))

    def initiate(self) -> None:
        """Makes the set and root, by the localhost exception."""
        host = self.member.host
        members = [{"_id": 0, "host": host}]
        anyone = f"mongodb://{host}/?directConnection=true&{self._tls}"
        with MongoClient[dict[str, Any]](anyone, serverSelectionTimeoutMS=30_000) as client:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            deadline = time.monotonic() + 30
            while not client.admin.command("hello")["isWritablePrimary"]:
                assert time.monotonic() < deadline, "no primary within 30 s"
                time.sleep(0.05)
            client.admin.command("createUser", "root", pwd=_PLAIN_PASSWORD, roles=["root"])


@contextmanager
def guarded_mongo(folder: Path) -> Iterator[GuardedMongo]:
    """Access control and TLS are on from the first moment."""
    (folder / "key").write_text("a2V5" * 20)
    (folder / "key").chmod(0o600)
    write_certificates(folder)
    pem = (folder / "server.pem").read_bytes() + (folder / "server.key").read_bytes()
    (folder / "both.pem").write_bytes(pem)
    [port] = free_ports(1)
    server = GuardedMongo(GuardedMember(port, folder / "data", "rs0", folder=folder))
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(server.member.start())
        try:
            server.initiate()
            yield server
        finally:
            runner.run(server.member.stop())
