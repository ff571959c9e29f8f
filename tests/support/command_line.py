"""The commands as an operator types them, inside this process."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from daemon.cli.command_table import build_app
from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from daemon.store.roles import Role
from tests.support.mongo import MongoServer

CONFIG = """\
version: 1
clearview: {{mongodb: {{database: {clearview}}}}}
integrations: {{}}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and how it exited."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def ats_sync(*words: object, environment: Mapping[str, str] | None = None) -> Answer:
    """Run a command; an error that it does not show itself is raised."""
    result = CliRunner().invoke(build_app(), [str(w) for w in words], env=dict(environment or {}))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


_LOOK = (
    *("status", "history", "doctor", "plan", "verify", "outbox list", "outbox show"),
    *("alerts list", "attachments list", "integrations list", "analytics show", "health"),
)
_OPERATE = (
    *("outbox replay", "outbox drop", "alerts mute", "alerts unmute", "attachments retry"),
    *("integrations pause", "integrations resume"),
)


def role_for(*words: object) -> Role:
    """Returns the role that a command is promised to be content with."""
    command = " ".join(map(str, words)) + " "
    if command.startswith(tuple(f"{each} " for each in _LOOK)):
        return "reader"
    return "operator" if command.startswith(tuple(f"{each} " for each in _OPERATE)) else "daemon"


@dataclass(frozen=True, slots=True)
class CommandWorld:
    """Databases of their own, the file and the environment that name them."""

    server: MongoServer
    name: str
    folder: Path

    def environment(self, role: Role) -> dict[str, str]:
        own, clearview = f"ats_sync_{self.name}", f"clearview_{self.name}"
        return {
            "ATS_SYNC_MONGODB_URI": self.server.uri_for(own, clearview, role),
            "ATS_SYNC_DATABASE": own,
            "ATS_SYNC_CONFIG": str(self.folder / "ats-sync.yaml"),
        }

    def begin(self) -> None:
        text = CONFIG.format(clearview=f"clearview_{self.name}")
        (self.folder / "ats-sync.yaml").write_text(text)

    def ats_sync(self, *words: object) -> Answer:
        return ats_sync(*words, environment=self.environment(role_for(*words)))

    def store(self, work: Callable[[Mongo], Awaitable[Any]]) -> Any:
        """Do something with the databases."""

        async def run() -> Any:
            mongo = await open_mongo(
                self.server.root_uri,
                database=f"ats_sync_{self.name}",
                clearview_database=f"clearview_{self.name}",
            )
            try:
                return await work(mongo)
            finally:
                await mongo.close()

        return asyncio.run(run())

    def end(self) -> None:
        async def drop(mongo: Mongo) -> None:
            await mongo.client.drop_database(mongo.database)
            await mongo.client.drop_database(mongo.clearview_database)

        self.store(drop)
