"""The daemon: what runs beside what, from the first connection to the last.

Infrastructure (leases, states, bells, HTTP) runs until all work is done; work (imports, pushes,
exports, messages) runs until the daemon is told to stop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from config.loader import secret_paths
from config.loading import Loaded
from config.operator import OperatorConfig
from config.problems import ConfigError
from config.settings import Settings
from config.watch import content_digest, files_of, watch_files
from connectors.base import Connector
from connectors.crosscheck import SUNSET_NOTICE
from connectors.registry import create_connector
from daemon.assembly import (
    CurrentConfig,
    Deliveries,
    Shared,
    assemble_intake,
    assemble_sender,
    assemble_worker,
)
from daemon.assembly_import import token_store_of
from daemon.checked_config import load_checked_config
from daemon.core.alert_texts import Of, config_refused, version_sunset
from daemon.http.api import Desk
from daemon.http.server import HttpParts, HttpServer
from daemon.notify.channels import open_channels
from daemon.ports.alerts import AlertKind, Condition, alert_key
from daemon.pushing.due_watch import DueWatch
from daemon.settings_documents import configured_integrations
from daemon.store.alert_mutes import AlertMutes
from daemon.store.connection import DatabaseError
from daemon.store.outbox_desk import MongoOutboxDesk
from daemon.store.overview import Overview
from daemon.store.settled_alerts import SettledAlerts
from daemon.supervision import Backoff, stopped_within, supervise
from daemon.worker import IntegrationWorker
from daemon.workforce import Workforce
from models.ids import integration_id

log = structlog.get_logger("daemon.app")

Run = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

STREAM_IS_STUCK_AFTER = timedelta(seconds=60)
LOOK_AT_CONDITIONS_EVERY = timedelta(seconds=30)
A_DAY = timedelta(days=1)
_BACKOFF = Backoff(base=timedelta(seconds=1), cap=timedelta(seconds=30))


@dataclass
class Daemon:
    """Everything of one process, built on an open MongoDB."""

    settings: Settings
    config: CurrentConfig
    shared: Shared
    deliveries: Deliveries = field(default_factory=Deliveries)
    remember_secret: Callable[[str], None] = lambda _: None
    """Told of every secret that an edit of the file brings, so that no log shows it."""

    def __post_init__(self) -> None:
        self.listening = asyncio.Event()
        self.http_port = 0
        self.intake = assemble_intake(self.shared, self.config, self.deliveries)
        self.due_watch = DueWatch(self.shared.outbox, self.shared.clock, self.deliveries.wakers)
        self.channels = open_channels(self.config.loaded.value.clearview.notifications)
        self.sender = assemble_sender(self.shared, self.channels)
        self.workforce = Workforce(self.hire, self._dismiss)

    def hire(self, name: str) -> IntegrationWorker:
        """The worker of a configured integration."""
        worker = assemble_worker(self.shared, self.config.loaded, self.connector(name))
        self.deliveries.add(integration_id(name), worker.jobs.delivery)
        return worker

    def _dismiss(self, name: str) -> None:
        self.shared.scheduler.forget(f"poll:{name}")
        self.shared.scheduler.forget(f"export:{name}")

    def connector(self, name: str) -> Connector:
        """A connector for a configured integration, not opened yet."""
        return create_connector(
            name=name,
            integration=self.config.loaded.value.integrations[name],
            definition=self.config.checked.definition_of(name),
            observer=self.shared.observer,
            commons=self.shared.commons,
            token_store=token_store_of(self.shared, self.config.loaded, name),
        )

    async def close(self) -> None:
        """Close what the daemon itself opened."""
        for channel in self.channels:
            await channel.close()
        await self.shared.services.close()

    async def prepare(self) -> None:
        """Write the settings documents and read every integration's state."""
        await self.shared.integrations.configure(configured_integrations(self.config.checked))
        await self.shared.board.refresh()
        await self.shared.alerts.resolve(alert_key(AlertKind.CONFIG_REFUSED, None))
        await self.shared.alerts.resolve_all_but(self._working)
        await self._tell_of_sunsets()

    @property
    def _working(self) -> list[str]:
        integrations = self.config.loaded.value.integrations
        return [name for name, one in integrations.items() if one.enabled]

    async def _watch_conditions(self, stop: asyncio.Event) -> None:
        """What no single run can tell: rate limits that last, and what people have settled."""
        while not await stopped_within(stop, LOOK_AT_CONDITIONS_EVERY):
            with suppress(DatabaseError):
                await self.look_at_conditions()

    async def look_at_conditions(self) -> None:
        """Open and close the alerts that no job reports."""
        await self.shared.rate_watch.look()
        await SettledAlerts(self.shared.mongo, self.shared.alerts).look()

    async def _watch_calendar(self, stop: asyncio.Event) -> None:
        """A daemon that runs for months comes near to a sunset, too."""
        while not await stopped_within(stop, A_DAY):
            await self._tell_of_sunsets()

    async def _tell_of_sunsets(self) -> None:
        """A vendor that will switch an API off is told of months ahead."""
        today = self.shared.clock.now().date()
        for name in self._working:
            api = self.config.checked.definition_of(name).model.api
            if api.sunset is None or api.sunset - today > SUNSET_NOTICE:
                await self.shared.alerts.resolve(alert_key(AlertKind.VERSION_SUNSET, name))
                continue
            of = Of(name, integration_id(name))
            await self.shared.alerts.raise_condition(
                version_sunset(of, version=api.version or "", sunset=api.sunset, today=today)
            )

    async def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Put everything into the group; tasks end by themselves once `stop` is set."""
        await self.prepare()
        done = asyncio.Event()
        for name, run in self._infrastructure():
            group.create_task(run(done), name=name)
        group.create_task(self._work(stop, done), name="work")
        group.create_task(self._watch_config(stop), name="config")

    def _infrastructure(self) -> list[tuple[str, Run]]:
        shared = self.shared
        return [
            ("leases", shared.leases.run),
            ("board", shared.board.run),
            ("scheduler", shared.scheduler.run),
            ("http", self._serve_http),
        ]

    async def _serve_http(self, done: asyncio.Event) -> None:
        shared, settings = self.shared, self.settings
        server = HttpServer(
            HttpParts(
                desk=Desk(
                    overview=Overview(shared.mongo, shared.clock),
                    integrations=shared.integrations,
                    outbox=MongoOutboxDesk(shared.mongo, shared.clock),
                    mutes=AlertMutes(shared.mongo, shared.clock),
                    clock=shared.clock,
                ),
                checks={
                    "mongodb": self.database_is_writable,
                    "stream": self.stream_is_open,
                    "config": self.config_is_valid,
                },
                render_metrics=shared.metrics.render,
                clock=shared.clock,
                admin_token=settings.admin_token,
            )
        )
        self.http_port = await server.start(settings.http_host, settings.http_port)
        log.info("http_listening", host=settings.http_host, port=self.http_port)
        self.listening.set()
        try:
            await done.wait()
        finally:
            await server.stop()

    async def _work(self, stop: asyncio.Event, done: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as work:
                work.create_task(self.workforce.run(self.config.loaded.value, stop), name="workers")
                for name, run in (
                    ("stream", self.intake.run),
                    ("due pushes", self.due_watch.run),
                    ("messages", self.sender.run),
                    ("conditions", self._watch_conditions),
                    ("calendar", self._watch_calendar),
                ):
                    work.create_task(_kept(name, run, stop), name=name)
        finally:
            done.set()

    async def _watch_config(self, stop: asyncio.Event) -> None:
        """A good edit is applied, a bad one is refused while the last good one goes on."""

        def files() -> set[Path]:
            return files_of(self.config.loaded.document)

        async for _ in watch_files(files, stop=stop, since=content_digest(files())):
            await self._reload()

    async def _reload(self) -> None:
        try:
            checked = load_checked_config(self.settings.config)
        except ConfigError as error:
            problems = [str(problem) for problem in error.problems]
            self.config.refused = f"{len(problems)} problems, the first: {problems[0]}"
            log.error("config_refused", problems=len(problems))  # noqa: TRY400 - no traceback
            await self._tell(config_refused(problems=problems))
            return
        if checked.loaded.value.clearview != self.config.loaded.value.clearview:
            log.warning("config_needs_restart", part="clearview")
        for secret in secrets_of(checked.loaded):
            self.remember_secret(secret)
        self.config.checked, self.config.refused = checked, None
        with suppress(DatabaseError):
            await self.prepare()
        await self.workforce.apply(checked.loaded.value)
        log.info("config_applied", integrations=len(checked.loaded.value.integrations))

    async def _tell(self, condition: Condition) -> None:
        with suppress(DatabaseError):
            await self.shared.alerts.raise_condition(condition)

    async def stream_is_open(self) -> str | None:
        """Why not, if it is not; a stream that another replica reads is open."""
        progress = self.intake.last_progress
        if progress is None:
            return None
        silent = self.shared.clock.monotonic() - progress
        if silent > STREAM_IS_STUCK_AFTER.total_seconds():
            return f"the change stream has been silent for {silent:.0f} s"
        return None

    async def config_is_valid(self) -> str | None:
        """Why the file on disk is not in force, if it is not."""
        return self.config.refused and f"the last edit was refused: {self.config.refused}"

    async def database_is_writable(self) -> str | None:
        """Why MongoDB takes no writes, if it takes none."""
        try:
            hello = await self.shared.mongo.client.admin.command("hello")
        except DatabaseError as error:
            return f"MongoDB does not answer ({type(error).__name__})"
        if hello.get("isWritablePrimary") or hello.get("msg") == "isdbgrid":
            return None
        return "MongoDB has no primary"


async def _kept(name: str, run: Run, stop: asyncio.Event) -> None:
    await supervise(name, lambda: run(stop), _BACKOFF, stop=stop)


def secrets_of(loaded: Loaded[OperatorConfig]) -> list[str]:
    """Every secret value in the file, so that the log can leave them out."""
    found = []
    for path in secret_paths(loaded.value):
        value: object = loaded.value
        for step in path:
            value = value[step] if isinstance(value, dict | list) else getattr(value, str(step))  # type: ignore[index]
        if hasattr(value, "get_secret_value"):
            found.append(value.get_secret_value())
    return found
