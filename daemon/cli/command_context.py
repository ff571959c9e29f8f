"""One integration for a command: its configuration, MongoDB and connector."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec

from config.problems import suggestion
from connectors.connector import Connector
from daemon.app.jobs import make_connector
from daemon.app.services import AppServices
from daemon.cli.poll_progress import Watcher
from daemon.cli.session import audit_actor, database, run_async, settings_for, usage_error
from daemon.runtime.checked_config import CheckedConfig, load_checked_config
from daemon.runtime.config_sources import combined
from models.errors import UserError
from models.ids import integration_id


class CommandContext(msgspec.Struct, frozen=True):
    """One integration on an open MongoDB."""

    name: str
    checked: CheckedConfig
    app: AppServices

    @property
    def id(self) -> UUID:
        return integration_id(self.name)

    @property
    def lease_key(self) -> str:
        """The key of the lease whose holder polls."""
        return f"poll:{self.name}"

    def connector(self, observer: Watcher | None = None) -> Connector:
        return make_connector(self.app, self.checked, self.name, observer)


def checked_for(name: str | None, config: Path | None) -> CheckedConfig:
    """The configuration, in which this integration must be: in the file, or added at run time.

    Raises:
        typer.Exit: 2, if it is not.
        UserError: it was added at run time, and cannot be used.
    """
    file = load_checked_config(settings_for(config).config)
    if name in file.loaded.value.integrations:
        return file
    checked, refused = run_async(lambda: _with_added(file, config))
    known = checked.loaded.value.integrations
    if name is None or name in known:
        return checked
    if name not in refused:
        raise usage_error(f'no integration is called "{name}" ({suggestion(name, known)})')
    raise UserError(f"{name}: {refused[name]}", remedy="change it, or remove it")


async def _with_added(
    file: CheckedConfig, config: Path | None
) -> tuple[CheckedConfig, Mapping[str, str]]:
    settings = settings_for(config)
    async with database(settings, file.loaded.value, prepare=False) as mongo:
        app = AppServices(mongo, encryption_key=settings.encryption_key)
        try:
            return combined(file, await app.stored.all())
        finally:
            await app.services.close()


@asynccontextmanager
async def command_context(
    name: str, checked: CheckedConfig, config: Path | None, *, prepare: bool = True
) -> AsyncIterator[CommandContext]:
    """Everything that one integration needs; `prepare` makes collections where they lack."""
    settings = settings_for(config)
    async with database(settings, checked.loaded.value, prepare=prepare) as mongo:
        app = AppServices(
            mongo,
            checked.loaded.value.clearview,
            encryption_key=settings.encryption_key,
            actor=audit_actor(),
        )
        try:
            yield CommandContext(name, checked, app)
        finally:
            await app.services.close()
