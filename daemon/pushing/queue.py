"""One application's queue of pushes, processed until it is empty or has to wait."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.push_plan import PushRules, superseded
from daemon.core.pushes import OpenPush, PreviousPush, PushDeferred, PushEnded
from daemon.pushing.delivery_attempt import AttemptContext, NotOurs, PushAttempt
from models.status import ApplicationStatus


class QueueContext(msgspec.Struct, frozen=True):
    """What a queue is processed with."""

    turn: AttemptContext
    settle: Callable[[PushEnded | PushDeferred], Awaitable[None]]
    before: Callable[[OpenPush], Awaitable[PreviousPush | None]]
    may_go_on: Callable[[], bool]


class ApplicationQueue:
    """All open pushes of one application, oldest first."""

    def __init__(
        self, pushes: Sequence[OpenPush], known: KnownApplication | None, tools: QueueContext
    ) -> None:
        self._pushes = list(pushes)
        self._known = known
        self._tools = tools
        self._clock = tools.turn.clock
        self._base: ApplicationStatus | None = None

    async def work_off(self) -> list[PushEnded | PushDeferred]:
        """Everything that came of it, already settled."""
        ends: list[PushEnded | PushDeferred] = []
        head = self._pushes[0]
        if head.next_attempt_at > self._clock.now():
            waits = self._with_followers(_still_waits(head))
            await self._tools.settle(waits)
            return [waits]
        obsolete = self._obsolete()
        while self._pushes and self._tools.may_go_on():
            push = self._pushes[0]
            try:
                end = await self._bring(push, obsolete=push.id in obsolete)
            except NotOurs:
                return ends
            await self._tools.settle(end)
            ends.append(end)
            if isinstance(end, PushDeferred):
                return ends
            self._pushes.pop(0)
            self._learn(end)
        return ends

    async def _bring(self, push: OpenPush, *, obsolete: bool) -> PushEnded | PushDeferred:
        base = await self._base_of(push)
        if self._known is None:
            return self._unknown(push, base)
        if obsolete and push.sent_at is None:
            return self._superseded(push, base)
        attempt = PushAttempt(self._tools.turn, give_way=obsolete)
        end = await attempt.run(push, base=base, known=self._known)
        return self._with_followers(end) if isinstance(end, PushDeferred) else end

    def _with_followers(self, end: PushDeferred) -> PushDeferred:
        return replace(end, followers=tuple(push.id for push in self._pushes[1:]))

    async def _base_of(self, push: OpenPush) -> ApplicationStatus:
        """What both sides last agreed on when the change was made."""
        if push.expected_status is not None:
            return push.expected_status
        if self._base is not None:
            return self._base
        ended = await self._tools.before(push)
        if ended is None:
            return self._standing_or(push.status)
        if ended.delivered:
            return ended.status
        return ended.expected_status or self._standing_or(push.status)

    def _standing_or(self, status: ApplicationStatus) -> ApplicationStatus:
        return self._known.state.status if self._known is not None else status

    def _learn(self, end: PushEnded) -> None:
        """What comes behind starts from where this one ended."""
        at_ats = end.state == "delivered" or end.reason == "already_there"
        self._base = end.push.status if at_ats else end.base
        if end.moved is not None and self._known is not None:
            standing = ApplicationState(end.moved.status, end.moved.stage)
            record = {
                **self._known.record,
                "status": standing.status,
                "stage": standing.stage,
                "rejection_reason": end.moved.rejection_reason,
            }
            self._known = replace(self._known, state=standing, record=record)

    def _obsolete(self) -> frozenset[UUID]:
        """Pushes that an outage has made obsolete: a newer one waits behind them."""
        rules: PushRules = self._tools.turn.rules
        head = self._pushes[0]
        if head.state == "retrying" and head.attempts > 0:
            waiting = self._pushes
        else:
            waiting = [push for push in self._pushes if self._waited_outside(push)]
        ids = [push.id for push in waiting]
        return frozenset(superseded(ids, coalesce=rules.coalesce))

    def _waited_outside(self, push: OpenPush) -> bool:
        shut_until: datetime | None = self._tools.turn.gate.shut_until
        return shut_until is not None and push.changed_at <= shut_until

    def _superseded(self, push: OpenPush, base: ApplicationStatus) -> PushEnded:
        return PushEnded(
            push=push,
            state="superseded",
            base=base,
            at=self._clock.now(),
            attempts=push.attempts,
            reason="superseded",
        )

    def _unknown(self, push: OpenPush, base: ApplicationStatus) -> PushEnded:
        return PushEnded(
            push=push,
            state="skipped",
            base=base,
            at=self._clock.now(),
            attempts=push.attempts,
            reason="not_at_ats",
            message="the ATS is not known to have this application any more",
        )


def _still_waits(push: OpenPush) -> PushDeferred:
    return PushDeferred(
        push=push,
        until=push.next_attempt_at,
        attempts=push.attempts,
        first_attempt_at=push.first_attempt_at,
        sent_at=push.sent_at,
        error=None,
    )
