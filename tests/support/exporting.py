"""An ATS that remembers the analytics it was sent, and the world around an export job."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from connectors.errors import AtsError
from connectors.values import ApplicationRef, Capabilities
from daemon.core.alert_policy import AlertPolicy
from daemon.core.analytics import Period
from daemon.core.leases import HeldLease, LeaseLost
from daemon.exporting.value_sender import ExportSettings, ExportStores
from daemon.jobs.analytics_export import AnalyticsExport
from daemon.store.alerts import AlertStore
from daemon.store.analytics_log import MongoExportLog, MongoExportPosition
from daemon.store.analytics_values import MongoSentValues, MongoStandpoints
from daemon.store.connection import Mongo
from daemon.store.runs import MongoRunLog
from models.documents import AnalyticsExportLog
from tests.support.moving_clock import MovingClock


async def no_names(_candidate: str) -> list[str]:
    return []


def capabilities(analytics: Any) -> Capabilities:
    return Capabilities(
        moves=False,
        rejects=False,
        unrejects=False,
        hires=False,
        withdraws=False,
        analytics=analytics,
        reads_application=False,
        guarded_writes=False,
        read_before_write=True,
        waivers={} if analytics else {"analytics": "it has no custom fields"},
    )


class RecordingAts:
    """The part of a connector that an export uses. `errors` are raised one after the other."""

    ats_name = "Example ATS"

    def __init__(self, analytics: Any = "report") -> None:
        self.capabilities = capabilities(analytics)
        self.reports: list[tuple[str, Mapping[str, Any]]] = []
        self.values: dict[str, str] = {}
        self.writes: list[tuple[ApplicationRef, str, str]] = []
        self.errors: list[BaseException | None] = []
        self.refuses: dict[str, AtsError] = {}

    def _fail_if_asked(self) -> None:
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error

    async def send_report(self, report: Mapping[str, Any], *, period_key: str) -> None:
        self._fail_if_asked()
        self.reports.append((period_key, report))

    async def send_value(self, ref: ApplicationRef, value: str, *, field_name: str) -> None:
        self._fail_if_asked()
        if ref.external_id in self.refuses:
            raise self.refuses[ref.external_id]
        self.values[ref.external_id] = value
        self.writes.append((ref, value, field_name))


@dataclass
class ClockedLeases:
    """Leases on the moved clock, with fencing tokens that only grow."""

    clock: MovingClock
    ttl: timedelta = timedelta(seconds=10)
    held: dict[str, tuple[UUID, int, Any]] = field(default_factory=dict)
    owner: UUID = field(default_factory=uuid4)

    def replica(self) -> "ClockedLeases":
        return ClockedLeases(self.clock, self.ttl, self.held)

    async def acquire(self, key: str) -> HeldLease | None:
        _, token, until = self.held.get(key, (None, 0, self.clock.now()))
        if until > self.clock.now():
            return None
        until = self.clock.now() + self.ttl
        self.held[key] = (self.owner, token + 1, until)
        return HeldLease(key, self.owner, token + 1, lambda: self.clock.now() < until)

    async def release(self, lease: HeldLease) -> None:
        owner, token, _ = self.held[lease.key]
        if (owner, token) == (lease.owner, lease.token):
            self.held[lease.key] = (owner, token, self.clock.now())


class FixedMetrics:
    """Metrics that only name their period."""

    async def metrics(self, integration_id: UUID, period: Period) -> Mapping[str, Any]:
        return {"period": period.key}


class Killed(BaseException):
    """The process ended here."""


class Mortal:
    """A process's view of a port: at one chosen call of the process it is killed, or stalls."""

    def __init__(self, target: Any, fate: "Fate") -> None:
        self._target = target
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._fate.before()
            result = await found(*args, **kwargs)
            await self._fate.after()
            return result

        return call


@dataclass
class Fate:
    """What happens to one process: nothing, kill -9 around a call, or a long pause at a call."""

    at_call: int | None = None
    after_effect: bool = False
    pause: Callable[[], Awaitable[None]] | None = None
    calls: int = 0
    dead: bool = False

    async def before(self) -> None:
        self.calls += 1
        if self.calls == self.at_call and self.pause is not None:
            await self.pause()
        if self.dead or (self._is_now() and not self.after_effect):
            self.dead = True
            raise Killed

    async def after(self) -> None:
        if self._is_now() and self.after_effect:
            self.dead = True
            raise Killed

    def _is_now(self) -> bool:
        return self.calls == self.at_call and self.pause is None


@dataclass
class World:
    """One integration, one ATS, any number of replicas on one MongoDB."""

    mongo: Mongo
    clock: MovingClock
    ats: RecordingAts
    every: timedelta = timedelta(days=1)
    integration_id: UUID = field(default_factory=uuid4)
    source: Any = field(default_factory=FixedMetrics)
    leases: ClockedLeases = field(init=False)

    def __post_init__(self) -> None:
        self.leases = ClockedLeases(self.clock)

    @property
    def name(self) -> str:
        return f"acme-{self.integration_id}"

    def job(self, fate: Fate | None = None, **settings: Any) -> AnalyticsExport:
        fate = fate or Fate()
        ats: Any = Mortal(self.ats, fate)
        stores = ExportStores(
            source=self.source,
            standpoints=MongoStandpoints(self.mongo, batch=3),
            values=Mortal(MongoSentValues(self.mongo, self.clock), fate),
            log=Mortal(MongoExportLog(self.mongo, self.clock), fate),
            position=Mortal(MongoExportPosition(self.mongo, self.clock), fate),
            names_of=no_names,
        )
        return AnalyticsExport(
            ExportSettings(self.name, self.integration_id, self.every, **settings),
            ats,
            stores,
            leases=Mortal(self.leases.replica(), fate),
            alerts=self.alerts,
            runs=Mortal(MongoRunLog(self.mongo, self.clock), fate),
            clock=self.clock,
        )

    @property
    def alerts(self) -> AlertStore:
        return AlertStore(self.mongo, self.clock, AlertPolicy())

    async def logged(self) -> list[dict[str, Any]]:
        log = self.mongo.collection(AnalyticsExportLog)
        rows = log.find({"ats_integration_id": self.integration_id}, sort=[("period_start", 1)])
        return await rows.to_list()


__all__ = [
    "ClockedLeases",
    "Fate",
    "FixedMetrics",
    "Killed",
    "LeaseLost",
    "Mortal",
    "RecordingAts",
    "World",
]
