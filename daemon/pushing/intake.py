"""The intake of events into the outbox: identify, plan, store."""

import asyncio
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from msgspec.structs import replace

from daemon.core.applications import ApplicationInClearView, KnownApplication
from daemon.core.push_decision import PlannedPush, PushRules, Skip, plan_event, unreadable
from daemon.core.pushes import OutboxRow, UnfinishedPush
from daemon.core.status_events import StatusEvent
from daemon.ports.clock import Clock
from daemon.ports.pushes import ClearViewApplications, KnownApplications, Outbox
from models.ids import NAMESPACE, derived_id
from models.status import status_word

log = structlog.get_logger(__name__)

RulesOf = Mapping[UUID, PushRules]
TRIES = 3
"""Together with other events, alone, and by the document's present content."""


@dataclass(slots=True, eq=False)
class EventIntake:
    """Makes one row of each event, however often the event is delivered.

    An event whose content fails three times ends as a dead letter with the id of its document; the
    events after it are not held up.
    """

    outbox: Outbox
    known: KnownApplications
    clearview: ClearViewApplications
    clock: Clock
    fails_by_content: Callable[[Exception], bool]

    async def plan_and_store(
        self, events: Sequence[StatusEvent], rules: RulesOf
    ) -> list[OutboxRow]:
        """Returns the rows of these events, in order and stored durably.

        Raises:
            Exception: MongoDB is away; nothing is lost.
        """
        if not events:
            return []
        try:
            return await self._plan_and_store(events, rules)
        except Exception as error:
            if not self.fails_by_content(error):
                raise
            log.warning("status_events_failed", events=len(events), error=type(error).__name__)
        return [row for event in events for row in await self._take_in_alone(event, rules)]

    async def _take_in_alone(self, event: StatusEvent, rules: RulesOf) -> list[OutboxRow]:
        """Returns the event's row: as it is, else by its document's present content, else a dead letter."""
        try:
            return await self._plan_and_store([event], rules)
        except Exception as error:
            if not self.fails_by_content(error):
                raise
        try:
            return await self._plan_and_store([await self._by_present_content(event)], rules)
        except Exception as error:
            if not self.fails_by_content(error):
                raise
            return [await self._give_up(event, error)]

    async def _by_present_content(self, event: StatusEvent) -> StatusEvent:
        """Returns the event as if its document had been written just now."""
        found = (await self.clearview.load([event.application_id])).get(event.application_id)
        if found is None:
            return event
        return replace(
            _identified(replace(event, integration_id=None), found),
            status=found.status,
            stage=None,
            rejection_reason=found.rejection_reason,
        )

    async def _give_up(self, event: StatusEvent, error: Exception) -> OutboxRow:
        """Stores the event as a dead letter without its content."""
        application = str(event.application_id)
        name, location = type(error).__name__, location_of(error)
        log.error("status_event_unreadable", application_id=application, error=name, path=location)
        bare = replace(event, status=None, stage=None, rejection_reason=None, external_id=None)
        row = new_row(bare, unreadable(event, name))
        await self.outbox.add([row], at=self.clock.now())
        return row

    async def store(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Stores planned rows; one that MongoDB refuses is stored as a dead letter instead."""
        try:
            await self.outbox.add(rows, at=self.clock.now())
        except Exception as error:
            if not self.fails_by_content(error):
                raise
            if len(rows) == 1:
                return [await self._give_up(rows[0].event, error)]
            return [stored for row in rows for stored in await self.store([row])]
        return list(rows)

    async def _plan_and_store(
        self, events: Sequence[StatusEvent], rules: RulesOf
    ) -> list[OutboxRow]:
        # Open pushes are read before snapshots: one that ends in between has moved its snapshot
        # by then, so that one of both shows what to expect.
        identified, earlier = await asyncio.gather(
            self._identify(events), self.outbox.earlier([e.application_id for e in events])
        )
        rows = _planned(identified, await self.known_of(identified), dict(earlier), rules)
        added = await self.outbox.add(rows, at=self.clock.now())
        return rows if added == len(rows) else [replace(row, known=None) for row in rows]

    async def _identify(self, events: Sequence[StatusEvent]) -> list[StatusEvent]:
        """Adds integration and external id to update events, which name the document only."""
        unknown = {e.application_id for e in events if e.integration_id is None}
        owners = dict(await self.clearview.load(list(unknown))) if unknown else {}
        gone = unknown - owners.keys()
        if gone:
            owners |= await self.outbox.identities(list(gone))
        return [_identified(event, owners.get(event.application_id)) for event in events]

    async def known_of(
        self, applications: Iterable[StatusEvent | ApplicationInClearView]
    ) -> dict[tuple[UUID | None, str | None], KnownApplication]:
        """Returns snapshots by integration and external id."""
        wanted: dict[UUID, list[str]] = {}
        for application in applications:
            if application.integration_id is not None and application.external_id is not None:
                wanted.setdefault(application.integration_id, []).append(application.external_id)
        found: dict[tuple[UUID | None, str | None], KnownApplication] = {}
        for integration_id, external_ids in wanted.items():
            loaded = await self.known.load(integration_id, external_ids)
            found |= {(integration_id, external_id): k for external_id, k in loaded.items()}
        return found


def _planned(
    events: Sequence[StatusEvent],
    known: Mapping[tuple[UUID | None, str | None], KnownApplication],
    earlier: dict[UUID, UnfinishedPush],
    rules: RulesOf,
) -> list[OutboxRow]:
    """Plans a row for each event; each push is an unfinished one to the events that follow."""
    rows = []
    for event in events:
        snapshot = known.get((event.integration_id, event.external_id))
        before = earlier.get(event.application_id)
        plan = plan_event(
            event,
            known=snapshot,
            earlier=before,
            rules=rules.get(event.integration_id) if event.integration_id else None,
        )
        row = new_row(event, plan)
        rows.append(row if before is not None else replace(row, known=snapshot))
        if isinstance(plan, PlannedPush):
            earlier[event.application_id] = UnfinishedPush(plan.status, plan.stage)
    return rows


def _identified(event: StatusEvent, owner: ApplicationInClearView | None) -> StatusEvent:
    if owner is None or event.integration_id is not None:
        return event
    return replace(
        event,
        integration_id=owner.integration_id,
        external_id=owner.external_id,
        candidate_id=owner.candidate_id,
    )


def row_id(event_id: str) -> UUID:
    """Returns the id of an event's row: the same event is the same row."""
    return derived_id(NAMESPACE, "push", event_id)


def new_row(event: StatusEvent, plan: PlannedPush | Skip) -> OutboxRow:
    """Returns the row of a planned event."""
    if isinstance(plan, PlannedPush):
        expected = plan.expected
        return OutboxRow(
            id=row_id(event.event_id),
            event=event,
            state="pending",
            status=plan.status,
            stage=plan.stage,
            expected_status=None if expected is None else expected.status,
            expected_stage=None if expected is None else expected.stage,
        )
    return OutboxRow(
        id=row_id(event.event_id),
        event=event,
        state="dead" if plan.failed else "skipped",
        status=status_word(event.status or "") or "",
        stage=event.stage,
        reason=plan.reason,
        message=plan.message,
    )


def location_of(error: Exception) -> str:
    """Returns the file and line that raised it; its message may quote a document."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{Path(last.filename).name}:{last.lineno}"
