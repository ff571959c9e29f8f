"""One application's queue of pushes, processed until it is empty or has to wait."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.push_decision import superseded
from daemon.core.pushes import EndState, OpenPush, PreviousPush, PushDeferred, PushEnded
from daemon.pushing.attempt_state import AttemptContext
from daemon.pushing.delivery_attempt import PushAttempt, PushTakenOver
from models.status import ApplicationStatus


class QueueContext(msgspec.Struct, frozen=True):
    """The parts that all queues of an integration share."""

    attempt: AttemptContext
    record: Callable[[PushEnded | PushDeferred], Awaitable[None]]
    previous_push: Callable[[OpenPush], Awaitable[PreviousPush | None]]
    may_continue: Callable[[], bool]


class ApplicationQueue:
    """All open pushes of one application, oldest first."""

    def __init__(
        self, pushes: Sequence[OpenPush], known: KnownApplication | None, context: QueueContext
    ) -> None:
        self._pushes = list(pushes)
        self._known = known
        self._context = context
        self._clock = context.attempt.clock
        self._agreed: ApplicationStatus | None = None
        """The status that both sides agreed on after the push before; None before the first."""

    async def process(self) -> list[PushEnded | PushDeferred]:
        """Attempts push after push, and returns their ends, recorded already."""
        head = self._pushes[0]
        if head.next_attempt_at > self._clock.now():
            deferred = self._with_followers(
                PushDeferred(
                    push=head,
                    until=head.next_attempt_at,
                    attempts=head.attempts,
                    first_attempt_at=head.first_attempt_at,
                    sent_at=head.sent_at,
                    error=None,
                )
            )
            await self._context.record(deferred)
            return [deferred]
        ends: list[PushEnded | PushDeferred] = []
        obsolete = self._obsolete()
        while self._pushes and self._context.may_continue():
            push = self._pushes[0]
            try:
                end = await self._attempt(push, is_obsolete=push.id in obsolete)
            except PushTakenOver:
                return ends
            await self._context.record(end)
            ends.append(end)
            if isinstance(end, PushDeferred):
                return ends
            self._pushes.pop(0)
            self._continue_from(end)
        return ends

    async def _attempt(self, push: OpenPush, *, is_obsolete: bool) -> PushEnded | PushDeferred:
        base = await self._base_of(push)
        if self._known is None:
            message = "the ATS is not known to have this application any more"
            return self._ended(push, base, "skipped", "not_at_ats", message)
        if is_obsolete and push.sent_at is None:
            return self._ended(push, base, "superseded", "superseded")
        attempt = PushAttempt(self._context.attempt, obsolete=is_obsolete)
        end = await attempt.run(push, base=base, known=self._known)
        return self._with_followers(end) if isinstance(end, PushDeferred) else end

    def _with_followers(self, end: PushDeferred) -> PushDeferred:
        return replace(end, followers=tuple(push.id for push in self._pushes[1:]))

    async def _base_of(self, push: OpenPush) -> ApplicationStatus:
        """Returns the status that both sides last agreed on when the change was made."""
        if push.expected_status is not None:
            return push.expected_status
        if self._agreed is not None:
            return self._agreed
        present = push.status if self._known is None else self._known.state.status
        previous = await self._context.previous_push(push)
        if previous is None:
            return present
        if previous.delivered:
            return previous.status
        return previous.expected_status or present

    def _continue_from(self, end: PushEnded) -> None:
        """Lets the next push start from the state in which this one ended."""
        at_ats = end.state == "delivered" or end.reason == "already_there"
        self._agreed = end.push.status if at_ats else end.base
        if end.moved is not None and self._known is not None:
            state = ApplicationState(end.moved.status, end.moved.stage)
            record = {
                **self._known.record,
                "status": state.status,
                "stage": state.stage,
                "rejection_reason": end.moved.rejection_reason,
            }
            self._known = replace(self._known, state=state, record=record)

    def _obsolete(self) -> frozenset[UUID]:
        """Returns the pushes that piled up during an outage and that a newer one replaces."""
        head = self._pushes[0]
        if head.state == "retrying" and head.attempts > 0:
            waiting = self._pushes
        else:
            closed_until = self._context.attempt.admission.closed_until
            waiting = [p for p in self._pushes if closed_until and p.changed_at <= closed_until]
        ids = [push.id for push in waiting]
        return frozenset(superseded(ids, coalesce=self._context.attempt.rules.coalesce))

    def _ended(
        self,
        push: OpenPush,
        base: ApplicationStatus,
        state: EndState,
        reason: str,
        message: str | None = None,
    ) -> PushEnded:
        return PushEnded(
            push=push,
            state=state,
            base=base,
            at=self._clock.now(),
            attempts=push.attempts,
            reason=reason,
            message=message,
        )
