"""A small ATS in memory that keeps to the Connector protocol and can be made to misbehave."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.errors import GuardRefused, NotFound, NotSupported, OutcomeUnknown
from connectors.values import (
    AlreadyThere,
    ApplicationRef,
    Capabilities,
    Impossible,
    JobsOfRecords,
    ListFacts,
    Mapped,
    MappingFailed,
    Page,
    Position,
    PushPlan,
    PushTarget,
    RawRecord,
    ReadIssue,
    RecordDetails,
    StageFacts,
    Step,
    Steps,
    Window,
)
from models.candidate import ApplicationRecord, AtsRef
from models.status import ApplicationStatus
from tests.support.records import empty_application
from tests.support.without_files import WithoutFiles

S = ApplicationStatus
STAGES: Mapping[S, AtsRef] = {
    status: AtsRef(external_id=f"st-{status.value}", name=status.value.title())
    for status in S
    if status is not S.BACKGROUND_CHECK  # a status that this ATS cannot hold
}
EXTRA_STAGE = AtsRef(external_id="st-onsite", name="Onsite")


@dataclass(frozen=True)
class Effect:
    """A write that took effect."""

    application: str
    before: S
    after: S
    stage: str | None


@dataclass
class FakeAts:
    """One account. `faults` are taken one per write, before or after its effect."""

    applications: dict[str, ApplicationRecord] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    writes: int = 0
    reads: int = 0
    faults: deque[Exception] = field(default_factory=deque)
    """Raised by the next writes instead of an effect."""
    faults_after_effect: deque[Exception] = field(default_factory=deque)
    """Raised by the next writes although they took effect."""
    user_problem: str | None = None
    """What is wrong with the user in whose name writes are made."""
    down: Exception | None = None
    """Raised by everything, as long as it is set."""
    forbidden: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    on_write: Callable[[str], None] = lambda _: None
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Notes that took effect: application and text."""
    note_faults: deque[Exception] = field(default_factory=deque)
    """Raised by the next notes instead of an effect."""
    note_faults_after_effect: deque[Exception] = field(default_factory=deque)
    on_note: Callable[[str], None] = lambda _: None

    def add(self, external_id: str, status: S = S.NEW) -> ApplicationRecord:
        record = empty_application(external_id, f"c-{external_id}")
        record["status"] = status
        record["stage"] = STAGES[status]
        self.applications[external_id] = record
        return record

    def move(self, external_id: str, status: S) -> None:
        """Someone moves the application at the ATS itself."""
        record = self.applications[external_id]
        record["status"], record["stage"] = status, STAGES[status]
        record["external_updated_at"] = datetime.now(UTC)

    def read(self, external_id: str) -> ApplicationRecord | None:
        self.reads += 1
        if self.down is not None:
            raise self.down
        record = self.applications.get(external_id)
        return None if record is None else ApplicationRecord(**record)

    def write(self, body: Mapping[str, Any]) -> None:
        self.writes += 1
        application = body["application"]
        self.on_write(application)
        if self.down is not None:
            raise self.down
        if self.faults:
            raise self.faults.popleft()
        record = self.applications.get(application)
        if record is None:
            raise NotFound("no such application", status=404)
        if body["from"] != record["stage"]["external_id"]:
            raise GuardRefused("it is elsewhere", status=409)
        self._take_effect(record, S(body["status"]), body["stage"])
        if self.faults_after_effect:
            raise self.faults_after_effect.popleft()

    def _take_effect(self, record: ApplicationRecord, status: S, stage: AtsRef) -> None:
        self.effects.append(
            Effect(record["external_id"], record["status"], status, stage["external_id"])
        )
        record["status"], record["stage"] = status, stage
        self.changed.set()

    async def until(self, reached: Callable[[], bool], *, within: float = 20.0) -> None:
        async with asyncio.timeout(within):
            while not reached():
                self.changed.clear()
                await self.changed.wait()

    def order_of(self, external_id: str) -> list[S]:
        return [effect.after for effect in self.effects if effect.application == external_id]


def lost_answer() -> OutcomeUnknown:
    return OutcomeUnknown("the answer never came")


class FakeConnector(WithoutFiles):
    """Speaks to a FakeAts; sends nothing that the plan does not say."""

    def __init__(self, ats: FakeAts, name: str = "acme", *, guarded: bool = True) -> None:
        self.ats = ats
        self._name = name
        self.requests = 0
        self.targets: list[PushTarget] = []
        self.capabilities = Capabilities(
            moves=True,
            rejects=True,
            unrejects=True,
            hires=True,
            withdraws=True,
            analytics=None,
            reads_application=True,
            guarded_writes=guarded,
            read_before_write=not guarded,
            notes=True,
        )

    @property
    def integration(self) -> str:
        return self._name

    @property
    def ats_name(self) -> str:
        return "Fake"

    @property
    def lists(self) -> Sequence[ListFacts]:
        return ()

    @property
    def requests_sent(self) -> int:
        return self.requests

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def check(self) -> None:
        self.requests += 1
        if self.ats.down is not None:
            raise self.ats.down

    async def pages(
        self, list_name: str, window: Window, *, position: Position | None = None
    ) -> AsyncIterator[Page]:
        raise NotImplementedError
        yield

    def take_issues(self) -> Sequence[ReadIssue]:
        return ()

    async def prepare_mapping(self, list_name: str) -> str:
        raise NotImplementedError

    async def map_records(
        self,
        list_name: str,
        records: Sequence[RawRecord],
        *,
        known: Mapping[str, bytes] | None = None,
    ) -> list[Mapped | MappingFailed]:
        raise NotImplementedError

    async def fetch(
        self, list_name: str, external_ids: Sequence[str]
    ) -> Mapping[str, RawRecord | None]:
        raise NotImplementedError

    async def read_details(
        self, list_name: str, external_ids: Sequence[str], jobs: JobsOfRecords | None = None
    ) -> Mapping[str, RecordDetails | MappingFailed | None]:
        raise NotSupported("details")

    async def read_application(self, ref: ApplicationRef) -> ApplicationRecord | None:
        self.requests += 1
        await asyncio.sleep(0)
        return self.ats.read(ref.external_id)

    async def plan_push(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        *,
        refresh: bool = False,
    ) -> PushPlan:
        self.targets.append(target)
        stage = self._stage(target)
        if stage is None:
            return Impossible(f"no stage stands for {target.status.value}")
        if current["stage"]["external_id"] == stage["external_id"]:
            return AlreadyThere()
        status = next((s for s, ref_ in STAGES.items() if ref_ == stage), target.status)
        step = Step(
            operation="move",
            method="POST",
            url=f"https://ats.test/applications/{ref.external_id}/move",
            body={
                "application": ref.external_id,
                "from": current["stage"]["external_id"],
                "status": status,
                "stage": stage,
            },
        )
        return Steps((step,), status=status, stage=stage)

    def _stage(self, target: PushTarget) -> AtsRef | None:
        if target.stage is None:
            return STAGES.get(target.status)
        for stage in (*STAGES.values(), EXTRA_STAGE):
            if target.stage["external_id"] == stage["external_id"]:
                return stage
            if target.stage["name"] == stage["name"]:
                return stage
        return None

    async def perform(self, step: Step) -> None:
        self.requests += 1
        await asyncio.sleep(0)
        self.ats.write(step.body)

    async def add_note(self, ref: ApplicationRef, text: str) -> None:
        self.requests += 1
        await asyncio.sleep(0)
        self.ats.on_note(ref.external_id)
        if self.ats.note_faults:
            raise self.ats.note_faults.popleft()
        self.ats.notes.append((ref.external_id, text))
        if self.ats.note_faults_after_effect:
            raise self.ats.note_faults_after_effect.popleft()

    async def acting_user_problem(self) -> str | None:
        return self.ats.user_problem

    async def stages(self) -> list[StageFacts]:
        raise NotImplementedError

    async def send_report(self, report: Mapping[str, Any], *, period_key: str) -> None:
        raise NotImplementedError

    async def send_value(self, ref: ApplicationRef, value: str, *, field_name: str) -> None:
        raise NotImplementedError
