"""One integration for a command: its configuration, MongoDB and connector."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec

from config.operator import OperatorConfig
from config.problems import suggestion
from config.settings import Settings
from connectors.connector import Connector
from daemon.app.jobs import make_connector
from daemon.app.services import AppServices
from daemon.cli.poll_progress import Watcher
from daemon.cli.session import audit_actor, database, run_async, settings_for, usage_error
from daemon.core.integrations import StoredIntegration
from daemon.runtime.checked_config import CheckedConfig, check_stored, load_checked_config
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

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[Connector, Watcher]]:
        """An open connector of the integration, watched as long as it is."""
        with Watcher(self.name) as watcher:
            connector = make_connector(self.app, self.checked, self.name, watcher)
            await connector.open()
            try:
                yield connector, watcher
            finally:
                await connector.close()


@asynccontextmanager
async def command_context(
    name: str, config: Path | None, *, prepare: bool = True
) -> AsyncIterator[CommandContext]:
    """Everything that one integration needs; `prepare` makes collections where they lack.

    Raises:
        typer.Exit: 2, neither the file has it, nor was it added at run time.
        UserError: it was added at run time, and cannot be used.
    """
    async with open_services(config, prepare=prepare) as (file, app):
        yield CommandContext(name, await _containing(name, file, app), app)


@asynccontextmanager
async def open_services(
    config: Path | None, *, prepare: bool
) -> AsyncIterator[tuple[CheckedConfig, AppServices]]:
    """The file's configuration, and the services on an open MongoDB."""
    settings = settings_for(config)
    file = load_checked_config(settings.config)
    async with services_on(settings, file.loaded.value, prepare=prepare) as app:
        yield file, app


@asynccontextmanager
async def services_on(
    settings: Settings, config: OperatorConfig, *, prepare: bool = False
) -> AsyncIterator[AppServices]:
    """The services on an open MongoDB; the audit log names who runs the command."""
    async with database(settings, config, prepare=prepare) as mongo:
        app = AppServices(
            mongo,
            config.clearview,
            encryption_key=settings.encryption_key,
            actor=audit_actor(),
        )
        try:
            yield app
        finally:
            await app.services.close()


@asynccontextmanager
async def renewed_leases(app: AppServices) -> AsyncIterator[None]:
    """Renews what this process holds while the work goes on."""
    done = asyncio.Event()
    renewing = asyncio.create_task(app.leases.run(done), name="leases")
    try:
        yield
    finally:
        done.set()
        await renewing


async def _containing(name: str, file: CheckedConfig, app: AppServices) -> CheckedConfig:
    if name in file.loaded.value.integrations:
        return file
    checked, refused = combined(file, await app.stored.all())
    known = checked.loaded.value.integrations
    if name in known:
        return checked
    if name not in refused:
        raise usage_error(f'no integration is called "{name}" ({suggestion(name, known)})')
    raise UserError(f"{name}: {refused[name]}", remedy="change it, or remove it")


def configuration_of(name: str, config: Path | None) -> CheckedConfig:
    """The configuration that has an integration: the file's, or that of an integration added at run time alone.

    Raises:
        ConfigError: with every mistake.
        typer.Exit: 2, neither has it.
    """
    settings = settings_for(config)
    file = load_checked_config(settings.config)
    if name in file.loaded.value.integrations:
        return file
    # Without a MongoDB, one would have to be made to look into it.
    has_database = settings.mongodb_uri is not None or (settings.data_dir / "mongodb").exists()
    stored = run_async(lambda: _stored(config)) if has_database else {}
    if name not in stored:
        known = [*file.loaded.value.integrations, *stored]
        raise usage_error(f'no integration is called "{name}" ({suggestion(name, known)})')
    if (problem := stored[name].problem) is not None:
        raise UserError(f"{name}: {problem}", remedy="change it, or remove it")
    return check_stored(name, stored[name].content, file)


async def _stored(config: Path | None) -> Mapping[str, StoredIntegration]:
    async with open_services(config, prepare=False) as (_, app):
        return {one.name: one for one in await app.stored.all()}
