"""Everything of one daemon process: what runs beside what, and with what."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID

from config.operator_events import EventSink
from config.settings import Settings
from connectors.definition.requests import Api
from daemon.alerts.channels import Channels
from daemon.alerts.notifier import NotificationSender, SenderLimits
from daemon.app.http import http_server
from daemon.app.jobs import event_intake, reconciliation
from daemon.app.services import AppServices
from daemon.app.workers import WorkerFactory
from daemon.attachments.poller import AttachmentPoller
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.push_decision import PushRules
from daemon.events.relay import EventRelay, RelayPorts
from daemon.events.relays import EventRelays
from daemon.events.sink_reports import alert_keys
from daemon.events.sinks import publisher_of, subscription_of
from daemon.jobs.rules import push_rules
from daemon.jobs.status_intake import IntakePorts, StatusIntake
from daemon.pushing.outbox_poller import OutboxPoller
from daemon.runtime.checked_config import CheckedConfig, CurrentConfig, secrets_of
from daemon.runtime.config_sources import ConfigSources
from daemon.runtime.config_watch import ConfigWatch
from daemon.runtime.integration_state_cache import IntegrationStateCache
from daemon.runtime.interval import Interval
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.metrics import ConnectorMetrics, PrometheusMetrics
from daemon.runtime.process_tasks import ProcessTasks
from daemon.runtime.rate_limit_monitor import RateLimitMonitor
from daemon.runtime.readiness import ReadinessCheck, config_check, loops_check, stream_check
from daemon.runtime.readiness_watch import CLEARVIEW_DATABASE, OWN_DATABASE, STREAM, ReadinessWatch
from daemon.runtime.scheduler import Scheduler
from daemon.runtime.settings_documents import configured_integrations
from daemon.runtime.sunset_watch import SunsetWatch
from daemon.runtime.supervision import stopped_within
from daemon.runtime.worker_pool import WorkerPool
from daemon.store.attachments import integrations_with_files
from daemon.store.audit_log import Actor, MongoAuditTrail
from daemon.store.connection import why_clearview_is_not_writable, why_not_writable
from daemon.store.log_rows import MongoLogRows
from daemon.store.mongo_errors import is_outage
from daemon.store.notification_queue import MongoNotificationQueue
from daemon.stream.change_stream import ApplicationStream
from daemon.stream.log_stream import LogStream
from models.ids import integration_id

CHECK_CONDITIONS_EVERY = timedelta(seconds=30)
FINISH_ERASURES_EVERY = timedelta(minutes=1)
KEEP_HELD_EVERY_S = 3600.0
"""No retention is shorter than a day: rows are marked long before they expire."""


class Daemon:
    """Everything of one daemon process."""

    def __init__(
        self,
        settings: Settings,
        checked: CheckedConfig,
        app: AppServices,
        *,
        remember_secret: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`remember_secret` receives every secret of an edited file, so that no log shows it."""
        self.settings = settings
        self.config = CurrentConfig(checked)
        self.app = app
        self._remember_secret = remember_secret
        alerts, clock = app.alerts, app.clock
        self.metrics = PrometheusMetrics()
        self.loops = LoopHealth(alerts, clock, is_outage)
        self.state_cache = IntegrationStateCache(app.integrations)
        self._scheduler = Scheduler(clock)
        self._rate_limits = RateLimitMonitor(alerts, clock, app.policy)
        self.workers = WorkerFactory(
            app=app,
            config=self.config,
            metrics=self.metrics,
            observer=ConnectorMetrics(self.metrics, self._rate_limits),
            scheduler=self._scheduler,
            state_cache=self.state_cache,
            loops=self.loops,
        )
        self.intake = self._make_intake()
        self.channels = Channels(self.config.loaded.value.clearview.notifications)
        self.sender = self._make_sender()
        self.relays = EventRelays(self._make_relay, self.config.loaded.value.events, self.loops)
        self._sunsets = SunsetWatch(self._apis, alerts, clock)
        self._running = WorkerPool(self.workers.make, self.workers.stopped, self.loops)
        self.sources = ConfigSources(self.config, app.stored, alerts, self.apply)
        self._checks = self._readiness_checks()
        self.http = http_server(settings, app, self.sources, self._checks, self.metrics)

    async def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Puts everything into the group; tasks end by themselves once `stop` is set."""
        await self.sources.begin()
        await self.prepare()
        app, settings = self.app, self.settings
        ProcessTasks(
            infrastructure={
                "leases": app.leases.run,
                "states": self.state_cache.run,
                "scheduler": self._scheduler.run,
            },
            work={
                STREAM: self.intake.run,
                "due pushes": OutboxPoller(app.outbox, app.clock, self.workers.push_wakers).run,
                "due files": AttachmentPoller(
                    partial(integrations_with_files, app.mongo), app.clock, self.workers.file_wakers
                ).run,
                "messages": self.sender.run,
                "events": self.relays.run,
                "conditions": self._watch_conditions,
                "erasures": self._finish_erasures,
                "calendar": self._sunsets.run,
                "readiness": ReadinessWatch(self._checks, self.loops, app.alerts, app.clock).run,
                "config": ConfigWatch(
                    settings.config, self.config, app.alerts, self.sources.use_file
                ).run,
                "added integrations": self.sources.run,
            },
            workers=partial(self._running.run, self._wanted()),
            http=partial(self.http.serve, settings.http_host, settings.http_port),
            observer=self.loops,
        ).start(group, stop)

    def _readiness_checks(self) -> dict[str, ReadinessCheck]:
        mongo = self.app.mongo
        return {
            OWN_DATABASE: partial(why_not_writable, mongo),
            CLEARVIEW_DATABASE: partial(why_clearview_is_not_writable, mongo),
            STREAM: stream_check(lambda: self.intake.last_progress, self.app.clock),
            "config": config_check(self.config),
            "loops": loops_check(self.loops),
        }

    async def _watch_conditions(self, stop: asyncio.Event) -> None:
        while not await stopped_within(stop, CHECK_CONDITIONS_EVERY):
            await self.check_conditions()

    async def _finish_erasures(self, stop: asyncio.Event) -> None:
        """Completes what a kill has interrupted, erases who is deleted for long, keeps who is held."""
        mark_held = Interval(KEEP_HELD_EVERY_S, self.app.clock.monotonic, due_now=True)
        while True:
            await self.app.erasures.finish_interrupted()
            await self.erase_deleted_candidates()
            if mark_held.restart_if_passed():
                await self.app.held.keep_all()
            if await stopped_within(stop, FINISH_ERASURES_EVERY):
                return

    async def erase_deleted_candidates(self) -> int:
        """Returns the number of candidates that were erased."""
        period = self.config.loaded.value.retention.deleted_candidates
        return await self.app.erase_deleted_candidates(period)

    async def check_conditions(self) -> None:
        """Opens and closes the alerts that no job reports."""
        await self._rate_limits.report()
        await self.app.alerts.resolve_expired()

    async def close(self) -> None:
        """Closes what the daemon itself opened."""
        for channel in self.channels.open:
            await channel.close()
        await self.app.services.close()

    async def prepare(self, *, file_is_new: bool = True) -> None:
        """Writes the settings documents, reads every integration's state, closes old alerts, begins events."""
        alerts = self.app.alerts
        await self.app.erased.refresh()
        await self.app.retention.apply(self.config.loaded.value.retention)
        await self.app.integrations.configure(configured_integrations(self.config.checked))
        await self.state_cache.refresh()
        if file_is_new:
            await alerts.resolve(alert_key(AlertKind.CONFIG_REFUSED, None))
        await alerts.resolve_all_but(self.config.enabled)
        undelivered = AlertKind.NOTIFICATION_UNDELIVERED
        keys = [alert_key(undelivered, None, channel.name) for channel in self.channels.open]
        await alerts.resolve_kind_but(undelivered, keys)
        for kind, keys in alert_keys(self.relays.names).items():
            await alerts.resolve_kind_but(kind, keys)
        await self.relays.begin()
        await self._sunsets.report()

    async def apply(self, checked: CheckedConfig) -> None:
        """Brings an edited configuration into force.

        Raises:
            UserError: the address of a channel is invalid, or a sink cannot be used; nothing was changed.
        """
        clearview = checked.loaded.value.clearview
        for secret in secrets_of(checked.loaded):
            self._remember_secret(secret)  # first of all: a channel's library logs its address
        relays = self.relays.made_for(checked.loaded.value.events)
        self.channels.become(clearview.notifications)
        before = self._wanted()
        file_is_new = checked.loaded.document is not self.config.loaded.document
        self.relays.use(relays)
        self.config.checked = checked
        self.sender.use(self.channels.open)
        old_services = self.app.use_clearview(clearview)
        try:
            if file_is_new:  # and not only an integration that was added at run time
                await self._note_edit(before)
            await self.prepare(file_is_new=file_is_new)
        finally:
            await self._running.apply(self._wanted())
            if old_services is not None:
                await old_services.close()

    async def _note_edit(self, before: Mapping[str, object]) -> None:
        """Writes down an edit of the file: names of integrations, nothing of their settings."""
        after, file = self._wanted(), self.settings.config.name
        changed = [name for name in after if name in before and before[name] != after[name]]
        await MongoAuditTrail(self.app.mongo, self.app.clock, Actor(file, "file")).record(
            "configuration.apply",
            file,
            before={"integrations": sorted(before)},
            after={"integrations": sorted(after), "changed": sorted(changed)},
        )

    def _wanted(self) -> dict[str, object]:
        """Returns, by integration, all that its worker is made of: a difference replaces it."""
        config, checked = self.config.loaded.value, self.config.checked
        services = (config.clearview.candidates, config.clearview.analytics)
        return {
            name: (config.integrations[name], checked.definition_of(name).model, services)
            for name in self.config.enabled
        }

    def _apis(self) -> Mapping[str, Api]:
        definition_of = self.config.checked.definition_of
        return {name: definition_of(name).model.api for name in self.config.enabled}

    def _make_intake(self) -> StatusIntake:
        app = self.app
        ports = IntakePorts(
            source=ApplicationStream(app.mongo.clearview, app.clock),
            intake=event_intake(app),
            reconciler=reconciliation(app),
            checkpoints=app.checkpoints,
            leases=app.leases,
            alerts=app.alerts,
            metrics=self.metrics,
            clock=app.clock,
        )
        return StatusIntake(ports, rules=self._push_rules, announce=self.workers.announce)

    def _push_rules(self) -> dict[UUID, PushRules]:
        integrations = self.config.loaded.value.integrations
        return {integration_id(name): push_rules(name, one) for name, one in integrations.items()}

    def _make_relay(self, entry: EventSink) -> EventRelay:
        app = self.app
        ports = RelayPorts(
            source=LogStream(app.mongo.own, app.clock),
            logs=MongoLogRows(app.mongo),
            checkpoints=app.checkpoints,
            leases=app.leases,
            alerts=app.alerts,
            metrics=self.metrics,
            clock=app.clock,
        )
        return EventRelay(subscription_of(entry), publisher_of(entry, app.clock), ports)

    def _make_sender(self) -> NotificationSender:
        app = self.app
        return NotificationSender(
            alerts=app.alerts,
            alert_states=app.alerts,
            queue=MongoNotificationQueue(app.mongo),
            channels=self.channels.open,
            clock=app.clock,
            policy=app.policy,
            limits=SenderLimits(tick=timedelta(seconds=2)),
            observer=self.loops,
        )
