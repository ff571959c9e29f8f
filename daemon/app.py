"""The daemon: what runs beside what, from the first connection to the last.

Infrastructure (leases, states, bells, HTTP) runs until all work is done; work (imports, pushes,
exports, messages) runs until the daemon is told to stop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from config.loader import secret_paths
from config.loading import Loaded
from config.operator import OperatorConfig
from config.settings import Settings
from connectors.connector import Connector
from connectors.integration_checks import SUNSET_NOTICE
from connectors.registry import create_connector
from daemon.alerts.channels import Channels
from daemon.assembly import (
    CurrentConfig,
    Deliveries,
    Shared,
    assemble_intake,
    assemble_sender,
    assemble_worker,
)
from daemon.assembly_import import token_store_of
from daemon.core.alert_texts import version_sunset
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef
from daemon.http.api import Desk
from daemon.http.probes import ReadinessCheck
from daemon.http.server import HttpParts, HttpServer
from daemon.pushing.outbox_poller import OutboxPoller
from daemon.runtime.checked_config import CheckedConfig
from daemon.runtime.config_watch import ConfigWatch
from daemon.runtime.readiness_watch import CLEARVIEW_DATABASE, OWN_DATABASE, STREAM, ReadinessWatch
from daemon.runtime.settings_documents import configured_integrations
from daemon.runtime.supervision import Backoff, stopped_within, supervise, until_stopped
from daemon.runtime.worker import BACKOFF, IntegrationWorker
from daemon.runtime.worker_pool import WorkerPool
from daemon.store.alert_expiry import SettledAlerts
from daemon.store.alert_mutes import AlertMutes
from daemon.store.outbox_admin import MongoOutboxDesk
from daemon.store.overview import Overview
from daemon.store.readiness import why_clearview_is_not_writable, why_not_writable
from models.ids import integration_id

log = structlog.get_logger("daemon.app")

Run = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

STREAM_IS_STUCK_AFTER = timedelta(seconds=40)
LOOK_AT_CONDITIONS_EVERY = timedelta(seconds=30)
LOOK_AT_CALENDAR_EVERY = timedelta(minutes=5)
A_DAY = timedelta(days=1)
_SOON = Backoff(base=timedelta(seconds=1), cap=timedelta(seconds=5))
"""For what all work waits for: leases, states, bells."""


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
        shared = self.shared
        self.listening = asyncio.Event()
        self.http_port = 0
        self.intake = assemble_intake(shared, self.config, self.deliveries)
        self.outbox_poller = OutboxPoller(shared.outbox, shared.clock, self.deliveries.wakers)
        self.channels = Channels(self.config.loaded.value.clearview.notifications)
        self.sender = assemble_sender(shared, self.channels.open)
        self.loops = shared.loops
        self.workforce = WorkerPool(self.hire, self._worker_stopped, self.loops)
        self.watch = ReadinessWatch(self.checks, self.loops, shared.alerts, shared.clock)
        self._calendar_read_at = shared.clock.monotonic()

    @property
    def checks(self) -> dict[str, ReadinessCheck]:
        """What `/readyz` asks, by the name of what is checked."""
        mongo = self.shared.mongo
        return {
            OWN_DATABASE: lambda: why_not_writable(mongo),
            CLEARVIEW_DATABASE: lambda: why_clearview_is_not_writable(mongo),
            STREAM: self.stream_is_open,
            "config": self.config_is_valid,
            "loops": self.loops_work,
        }

    def hire(self, name: str) -> IntegrationWorker:
        """The worker of a configured integration."""
        worker = assemble_worker(self.shared, self.config.loaded, self.connector(name))
        self.deliveries.add(integration_id(name), worker.jobs.delivery)
        return worker

    def _worker_stopped(self, name: str) -> None:
        self.shared.scheduler.forget(f"poll:{name}")
        self.shared.scheduler.forget(f"export:{name}")
        self.deliveries.remove(integration_id(name))

    def _wanted(self) -> dict[str, object]:
        """By integration, everything that its worker is made of: what differs is made again."""
        config, checked = self.config.loaded.value, self.config.checked
        services = (config.clearview.candidates, config.clearview.analytics)
        return {
            name: (one, checked.definition_of(name).model, services)
            for name, one in config.integrations.items()
            if one.enabled
        }

    def connector(self, name: str) -> Connector:
        """A connector for a configured integration, not opened yet."""
        return create_connector(
            name=name,
            integration=self.config.loaded.value.integrations[name],
            definition=self.config.checked.definition_of(name),
            observer=self.shared.observer,
            shared_limits=self.shared.commons,
            token_store=token_store_of(self.shared, self.config.loaded, name),
        )

    async def close(self) -> None:
        """Close what the daemon itself opened."""
        for channel in self.channels.open:
            await channel.close()
        await self.shared.services.close()

    async def prepare(self) -> None:
        """Write the settings documents and read every integration's state."""
        alerts = self.shared.alerts
        await self.shared.integrations.configure(configured_integrations(self.config.checked))
        await self.shared.board.refresh()
        await alerts.resolve(alert_key(AlertKind.CONFIG_REFUSED, None))
        await alerts.resolve_all_but(self._working)
        undelivered = AlertKind.NOTIFICATION_UNDELIVERED
        keys = [alert_key(undelivered, None, channel.name) for channel in self.channels.open]
        await alerts.resolve_kind_but(undelivered, keys)
        await self._tell_of_sunsets()

    async def apply(self, checked: CheckedConfig) -> None:
        """Bring an edited configuration into force.

        Raises:
            UserError: a channel's address is none; nothing was changed.
        """
        clearview = checked.loaded.value.clearview
        for secret in secrets_of(checked.loaded):
            self.remember_secret(secret)  # first of all: a channel's library logs its address
        self.channels.become(clearview.notifications)
        self.config.checked = checked
        self.sender.use(self.channels.open)
        old_services = self.shared.reach(clearview)
        try:
            await self.prepare()
        finally:
            await self.workforce.apply(self._wanted())
            if old_services is not None:
                await old_services.close()

    @property
    def _working(self) -> list[str]:
        integrations = self.config.loaded.value.integrations
        return [name for name, one in integrations.items() if one.enabled]

    async def _watch_conditions(self, stop: asyncio.Event) -> None:
        """What no single run can tell: rate limits that last, and what people have settled."""
        while not await stopped_within(stop, LOOK_AT_CONDITIONS_EVERY):
            await self.look_at_conditions()

    async def look_at_conditions(self) -> None:
        """Open and close the alerts that no job reports."""
        await self.shared.rate_watch.look()
        await SettledAlerts(self.shared.mongo, self.shared.alerts).look()

    async def _watch_calendar(self, stop: asyncio.Event) -> None:
        """A daemon that runs for months comes near to a sunset, too."""
        while not await stopped_within(stop, LOOK_AT_CALENDAR_EVERY):
            now = self.shared.clock.monotonic()
            if now - self._calendar_read_at >= A_DAY.total_seconds():
                await self._tell_of_sunsets()
                self._calendar_read_at = now

    async def _tell_of_sunsets(self) -> None:
        """A vendor that will switch an API off is told of months ahead."""
        today = self.shared.clock.now().date()
        for name in self._working:
            api = self.config.checked.definition_of(name).model.api
            if api.sunset is None or api.sunset - today > SUNSET_NOTICE:
                await self.shared.alerts.resolve(alert_key(AlertKind.VERSION_SUNSET, name))
                continue
            of = IntegrationRef(name, integration_id(name))
            await self.shared.alerts.raise_condition(
                version_sunset(of, version=api.version or "", sunset=api.sunset, today=today)
            )

    async def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Put everything into the group; tasks end by themselves once `stop` is set."""
        await self.prepare()
        done = asyncio.Event()
        for name, run in self._infrastructure():
            group.create_task(self._kept(name, run, done, backoff=_SOON), name=name)
        group.create_task(self._serve_http(done), name="http")
        group.create_task(self._work(stop, done), name="work")

    def _infrastructure(self) -> list[tuple[str, Run]]:
        shared = self.shared
        return [
            ("leases", shared.leases.run),
            ("board", shared.board.run),
            ("scheduler", shared.scheduler.run),
        ]

    def _loops(self) -> list[tuple[str, Run]]:
        config = ConfigWatch(self.settings.config, self.config, self.shared.alerts, self.apply)
        return [
            (STREAM, self.intake.run),
            ("due pushes", self.outbox_poller.run),
            ("messages", self.sender.run),
            ("conditions", self._watch_conditions),
            ("calendar", self._watch_calendar),
            ("readiness", self.watch.run),
            ("config", config.run),
        ]

    async def _kept(
        self, name: str, run: Run, stop: asyncio.Event, *, backoff: Backoff = BACKOFF
    ) -> None:
        work = partial(until_stopped, run, stop)
        await supervise(name, work, backoff, stop=stop, observer=self.loops)

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
                checks=self.checks,
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
                work.create_task(self.workforce.run(self._wanted(), stop), name="workers")
                for name, run in self._loops():
                    work.create_task(self._kept(name, run, stop), name=name)
        finally:
            done.set()

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

    async def loops_work(self) -> str | None:
        """Which loops keep failing, if any do."""
        return "; ".join(self.loops.reasons()) or None


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
