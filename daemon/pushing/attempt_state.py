"""One push being attempted: its context, the knowledge of its application, and its ends."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from connectors.connector import Connector
from connectors.errors import AtsError
from connectors.values import ApplicationRef, PushTarget
from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.conflict import Winner
from daemon.core.push_decision import AlreadyHeld, KeepAtsStatus, PushRules, Send, plan_delivery
from daemon.core.push_note import note_of
from daemon.core.pushes import AtsMove, EndState, OpenPush, PushConflict, PushDeferred, PushEnded
from daemon.core.retry import Jitter, RetryRule
from daemon.ports.clock import Clock
from daemon.pushing.admission import AdmissionControl
from daemon.pushing.refusals import error_text, state_of
from models.candidate import ApplicationRecord
from models.status import ApplicationStatus

Claim = Callable[[OpenPush], Awaitable[bool]]


class AttemptContext(msgspec.Struct, frozen=True):
    """The parts that all attempts of an integration share."""

    connector: Connector
    admission: AdmissionControl
    rules: PushRules
    claim: Claim
    clock: Clock
    retry: RetryRule
    jitter: Jitter
    claim_note: Claim
    content_of: Callable[[UUID], Awaitable[Mapping[str, Any]]]
    """An application in ClearView, by id."""
    names_of: Callable[[str], Awaitable[Sequence[str]]]
    """A candidate's names, by external id: they are kept out of quotations of the ATS."""
    attempts: AbstractAsyncContextManager[object]
    """Held during an attempt: attempts that have begun end before more begin."""
    requests: AbstractAsyncContextManager[object]
    """Held during a call of the ATS: it limits how many run at once."""


@dataclass(slots=True)
class AttemptState:
    """One push being attempted, and all that is known of its application meanwhile."""

    context: AttemptContext
    push: OpenPush
    base: ApplicationStatus
    known: KnownApplication
    current: ApplicationRecord = field(init=False)
    fresh: bool = False
    """True: `current` was read just now; False: it is the snapshot's."""
    sent_at: datetime | None = field(init=False)
    """Set while a request may have had an effect that no read has shown yet."""
    stepped: bool = False
    """A request of this very attempt took effect, or may have."""
    refreshed: bool = False
    """Stages and reasons were read again because the ATS refused a request."""
    tried: bool = False
    """A request of this attempt was claimed: it counts."""
    conflict: PushConflict | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    """The application in ClearView, where the ATS wants fields of it."""

    def __post_init__(self) -> None:
        self.current = cast("ApplicationRecord", self.known.record)
        self.sent_at = self.push.sent_at

    @property
    def ref(self) -> ApplicationRef:
        record = self.known.record
        return ApplicationRef(
            external_id=self.push.external_id,
            candidate_external_id=str(record["candidate_external_id"]),
            job_external_id=(record.get("job") or {}).get("external_id"),
        )

    @property
    def target(self) -> PushTarget:
        push = self.push
        return PushTarget(
            status=push.status,
            stage=push.stage,
            rejection_reason=push.rejection_reason,
            note=self.note,
            application=self.content,
        )

    @property
    def note(self) -> str | None:
        """The text of the push's note, if it has one."""
        job = self.known.record.get("job")
        return note_of(self.push, self.context.rules, previous=self.base, job=job)

    def decide(self) -> Send | AlreadyHeld | KeepAtsStatus:
        """Decides about the push by the current knowledge of its application."""
        return plan_delivery(
            base=self.base,
            ats=state_of(self.current),
            status=self.push.status,
            stage=self.push.stage,
            policy=self.context.rules.conflicts,
            ats_changed_at=self.current["external_updated_at"],
            clearview_changed_at=self.push.changed_at,
        )

    def count_own_steps(self) -> None:
        """Counts the effect of the first steps as no move of the ATS: the push continues from there."""
        self.base = ApplicationStatus(self.current["status"])

    def note_conflict(self, winner: Winner | None) -> None:
        """Notes that both sides had moved; `winner` None: a person decides."""
        ats = ApplicationStatus(self.current["status"])
        self.conflict = PushConflict(ats, self.context.rules.conflicts, winner)

    def delivered(self, state: ApplicationState) -> PushEnded:
        return self.ended("delivered", moved=self._move_to(state))

    def already_held(self) -> PushEnded:
        """Ends a push whose status the ATS holds: delivered if a request of its own may have done it."""
        moved = self._move_to(state_of(self.current)) if self.fresh else None
        if self.stepped or self.push.sent_at is not None:
            return self.ended("delivered", moved=moved)
        return self.ended("skipped", reason="already_there", moved=moved)

    def ats_status_kept(self, decision: KeepAtsStatus) -> PushEnded:
        if decision.conflict:
            self.note_conflict(decision.winner)
        reason = "conflict" if decision.conflict else "ats_moved"
        return self.ended("skipped", reason=reason if decision.winner else "conflict_open")

    def gone(self) -> PushEnded:
        message = "the ATS no longer has this application"
        return self.ended("dead", reason="gone_at_ats", message=message)

    def ended(
        self,
        state: EndState,
        *,
        reason: str | None = None,
        message: str | None = None,
        moved: AtsMove | None = None,
    ) -> PushEnded:
        return PushEnded(
            push=self.push,
            state=state,
            base=self.base,
            at=self.context.clock.now(),
            attempts=self.push.attempts + self.tried,
            reason=reason,
            message=message,
            moved=moved,
            conflict=self.conflict,
        )

    def deferred(
        self, until: datetime, *, counted: bool = False, error: AtsError | None = None
    ) -> PushDeferred:
        """Puts the push off; `counted`: the attempt counts against the horizon."""
        now = self.context.clock.now()
        return PushDeferred(
            push=self.push,
            until=until,
            attempts=self.push.attempts + counted,
            first_attempt_at=self.push.first_attempt_at or (now if counted else None),
            # A step that took effect has to be found again, too, when the next one failed.
            sent_at=self.sent_at or (now if self.stepped else None),
            error=None if error is None else error_text(error),
        )

    def _move_to(self, state: ApplicationState) -> AtsMove:
        return AtsMove(
            before_status=self.known.state.status,
            before_stage=self.known.state.stage,
            before_rejection_reason=self.known.record.get("rejection_reason"),
            status=state.status,
            stage=state.stage,
            rejection_reason=self.push.rejection_reason,
            candidate_external_id=str(self.known.record["candidate_external_id"]),
        )
