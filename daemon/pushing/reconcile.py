"""Reconciliation: all of ClearView is compared with the snapshots, and differences are queued."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from daemon.core.applications import ApplicationInClearView, KnownApplication
from daemon.core.push_decision import PlannedPush, plan_event
from daemon.core.pushes import LatestPush, OutboxRow
from daemon.core.status_events import StatusEvent
from daemon.ports.clock import Clock
from daemon.ports.pushes import ClearViewApplications, OpenConflicts, Outbox
from daemon.pushing.intake import EventIntake, RulesOf, new_row

IMPORT_TAKES = timedelta(hours=1)
"""An import that wrote a snapshot has reached ClearView by then, where no id proves it."""
_OPEN = frozenset({"pending", "in_flight", "retrying"})
_DECIDED = frozenset({"dead", "skipped"})


@dataclass(slots=True, eq=False)
class Reconciler:
    """Finds work that no event reported."""

    outbox: Outbox
    clearview: ClearViewApplications
    conflicts: OpenConflicts
    intake: EventIntake
    clock: Clock

    async def next_epoch(self) -> int:
        """Returns an epoch after every stream that the outbox has rows of."""
        return await self.outbox.highest_epoch() + 1

    async def run(self, rules: RulesOf, *, sequence: str, occasion: str) -> list[OutboxRow]:
        """Queues a push for every application whose status differs, and returns the rows.

        `sequence` orders them among events. Repeated on the same occasion, it queues nothing twice.
        """
        queued: list[OutboxRow] = []
        async for rows in self._found(rules, sequence, occasion):
            queued += await self.intake.store(rows)
        return queued

    async def preview(self, rules: RulesOf) -> list[OutboxRow]:
        """Returns the rows that `run` would queue."""
        return [row async for rows in self._found(rules, "", "preview") for row in rows]

    async def _found(
        self, rules: RulesOf, sequence: str, occasion: str
    ) -> AsyncIterator[list[OutboxRow]]:
        async for page in self.clearview.all():
            known = await self.intake.known_of(page)
            suspects = [
                one
                for one in page
                if _differs(one, known.get((one.integration_id, one.external_id)))
            ]
            if suspects:
                yield await self._plan(suspects, rules, sequence=sequence, occasion=occasion)

    async def _plan(
        self,
        suspects: Sequence[ApplicationInClearView],
        rules: RulesOf,
        *,
        sequence: str,
        occasion: str,
    ) -> list[OutboxRow]:
        """Reads the suspects again and plans pushes: the snapshot first, ClearView after it.

        An import writes in the same order, so that an unfinished one is not mistaken for a change.
        """
        ids = [a.application_id for a in suspects]
        earlier = await self.outbox.earlier(ids)
        known = await self.intake.known_of(suspects)
        present = await self.clearview.load(ids)
        latest = await self.outbox.latest(ids)
        in_conflict = await self.conflicts.clearview_statuses(ids)
        rows = []
        for application in present.values():
            snapshot = known.get((application.integration_id, application.external_id))
            if self._is_settled(application, snapshot, latest, in_conflict):
                continue
            event = self._event(application, sequence, occasion)
            plan = plan_event(
                event,
                known=snapshot,
                earlier=earlier.get(application.application_id),
                rules=rules.get(application.integration_id) if application.integration_id else None,
            )
            if isinstance(plan, PlannedPush):
                rows.append(new_row(event, plan))
        return rows

    def _is_settled(
        self,
        application: ApplicationInClearView,
        snapshot: KnownApplication | None,
        latest: Mapping[UUID, LatestPush],
        in_conflict: Mapping[UUID, str],
    ) -> bool:
        """True if the difference is being pushed, was decided about, or is gone."""
        last = latest.get(application.application_id)
        if last is not None and last.status == application.status:
            is_decided = last.state in _DECIDED and last.reason not in {"echo", "already_there"}
            if is_decided or last.state in _OPEN:
                return True
        if in_conflict.get(application.application_id) == application.status:
            return True
        return not _differs(application, snapshot) or _import_is_under_way(
            application, snapshot, self.clock.now()
        )

    def _event(
        self, application: ApplicationInClearView, sequence: str, occasion: str
    ) -> StatusEvent:
        return StatusEvent(
            event_id=f"repair:{occasion}:{application.application_id}:{application.status}",
            sequence=sequence,
            application_id=application.application_id,
            at=self.clock.now(),
            status=application.status,
            rejection_reason=application.rejection_reason,
            integration_id=application.integration_id,
            external_id=application.external_id,
            candidate_id=application.candidate_id,
        )


def _differs(application: ApplicationInClearView, known: KnownApplication | None) -> bool:
    return (
        known is not None
        and not known.gone
        and application.status is not None
        and application.status != known.state.status
    )


def _import_is_under_way(
    application: ApplicationInClearView, known: KnownApplication | None, now: datetime
) -> bool:
    """True if ClearView has the status that an import is replacing at this moment."""
    if known is None or known.imported_from != application.status:
        return False
    if application.import_id is not None:
        return application.import_id != known.import_id
    return known.seen_at is not None and now - known.seen_at < IMPORT_TAKES
