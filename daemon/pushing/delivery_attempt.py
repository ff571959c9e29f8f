"""One application's waiting pushes, in order: look, decide, send, remember."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

import msgspec
import structlog

from connectors.connector import (
    AlreadyThere,
    ApplicationRef,
    Connector,
    Impossible,
    PushPlan,
    PushTarget,
    Steps,
)
from connectors.errors import (
    AtsError,
    AuthRefused,
    BrokenAnswer,
    Forbidden,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Terminal,
    Transient,
    Unavailable,
    UnexpectedPayload,
)
from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.push_plan import AlreadyHeld, KeepAtsStatus, PushRules, Send, plan_delivery
from daemon.core.pushes import (
    AtsMove,
    EndState,
    OpenPush,
    PushConflict,
    PushDeferred,
    PushEnded,
)
from daemon.core.retry import GiveUp, Jitter, RetryRule, next_attempt
from daemon.ports.clock import Clock
from daemon.pushing.admission import AdmissionControl
from daemon.pushing.refusals import has_moved, refusal_text, standing_of
from models.candidate import ApplicationRecord
from models.status import ApplicationStatus

log = structlog.get_logger(__name__)

T = TypeVar("T")
_LOOKS = 3
"""How often a push is planned again because the application moved under it."""


class AttemptContext(msgspec.Struct, frozen=True):
    """What every turn of an integration works with."""

    connector: Connector
    gate: AdmissionControl
    rules: PushRules
    claim: Callable[[OpenPush], Awaitable[bool]]
    clock: Clock
    retry: RetryRule
    jitter: Jitter
    names_of: Callable[[str], Awaitable[Sequence[str]]]
    """A candidate's names, by external id: they are kept out of what the ATS is quoted with."""
    attempts: AbstractAsyncContextManager[object]
    """Held while a push is brought: what was begun is ended before more is begun."""
    requests: AbstractAsyncContextManager[object]
    """Held while the ATS is being asked: how many may be at once."""


class HeldBack(Exception):
    """The gate was shut before the request left."""


class NotOurs(Exception):
    """A later holder of the lease has taken the push up."""


@dataclass(slots=True)
class Attempt:
    """One push being tried, and what is known meanwhile."""

    push: OpenPush
    base: ApplicationStatus
    known: KnownApplication
    current: ApplicationRecord
    fresh: bool = False
    """True: `current` was read just now; False: it is what the snapshot says."""
    sent_at: datetime | None = None
    """Set while a request may have had an effect that no one has looked for yet."""
    stepped: bool = False
    """A request of this very attempt took effect, or may have."""
    refreshed: bool = False
    """Stages and reasons were read again because the ATS refused a request."""
    tried: bool = False
    conflict: PushConflict | None = None

    @property
    def is_own_work(self) -> bool:
        """What is found at the ATS may be there because of this push."""
        return self.stepped or self.push.sent_at is not None


class PushAttempt:
    """Brings one push as far as it gets."""

    def __init__(self, tools: AttemptContext, *, give_way: bool = False) -> None:
        self._tools = tools
        self._give_way = give_way
        self._ats = tools.connector

    async def run(
        self, push: OpenPush, *, base: ApplicationStatus, known: KnownApplication
    ) -> PushEnded | PushDeferred:
        """How the push ended, or until when it waits.

        Raises:
            NotOurs: it must be left alone.
        """
        attempt = Attempt(
            push=push,
            base=base,
            known=known,
            current=_as_record(known),
            sent_at=push.sent_at,
        )
        try:
            async with self._tools.attempts:
                return await self._resolve(attempt)
        except AtsError as error:
            return await self._after(attempt, error)
        except HeldBack:
            return self._waits(attempt, self._tools.clock.now(), counted=False)

    async def _resolve(self, attempt: Attempt) -> PushEnded | PushDeferred:
        if attempt.sent_at is not None and not await self._refresh(attempt):
            return self._gone(attempt)
        for _ in range(_LOOKS):
            verdict = self._verdict(attempt)
            if isinstance(verdict, AlreadyHeld):
                return self._there(attempt)
            if self._give_way and attempt.fresh:
                return self._done(attempt, "superseded", reason="superseded")
            if isinstance(verdict, KeepAtsStatus) and attempt.fresh:
                return self._yielded(attempt, verdict)
            if isinstance(verdict, Send) and (attempt.fresh or self._needs_no_look(verdict)):
                self._note_overruling(attempt, verdict)
                end = await self._send(attempt)
                if end is not None:
                    return end
            if not attempt.fresh and not await self._refresh(attempt):
                return self._gone(attempt)
        raise Unavailable("the application keeps moving at the ATS while it is being updated")

    def _needs_no_look(self, verdict: Send) -> bool:
        """True if the write may be planned from the snapshot: the ATS may check it itself."""
        facts = self._ats.capabilities
        checked = facts.guarded_writes and not facts.read_before_write
        return checked and not verdict.overrules_ats

    def _note_overruling(self, attempt: Attempt, verdict: Send) -> None:
        if verdict.overrules_ats:
            ats = ApplicationStatus(attempt.current["status"])
            attempt.conflict = PushConflict(ats, self._tools.rules.conflicts, "clearview")

    def _verdict(self, attempt: Attempt) -> Send | AlreadyHeld | KeepAtsStatus:
        return plan_delivery(
            base=attempt.base,
            ats=standing_of(attempt.current),
            status=attempt.push.status,
            stage=attempt.push.stage,
            policy=self._tools.rules.conflicts,
            ats_changed_at=attempt.current["external_updated_at"],
            clearview_changed_at=attempt.push.changed_at,
        )

    async def _refresh(self, attempt: Attempt) -> bool:
        """Read the application again; False if the ATS no longer has it."""
        if not self._ats.capabilities.reads_application:
            # Its writes may be repeated, so what the snapshot says has to do.
            attempt.sent_at, attempt.fresh = None, True
            return True
        record = await self._call(lambda: self._ats.read_application(ref_of(attempt)))
        attempt.sent_at = None
        attempt.fresh = True
        if record is None:
            return False
        attempt.current = record
        return True

    async def _send(self, attempt: Attempt) -> PushEnded | None:
        """The end of the push, or None if the application has to be looked at first."""
        plan = await self._plan(attempt)
        match plan:
            case AlreadyThere():
                return self._there(attempt) if attempt.fresh else None
            case Impossible():
                return self._done(attempt, "skipped", reason="impossible", message=plan.reason)
            case Steps():
                if not attempt.fresh and not _is_guarded(plan):
                    return None
                return await self._perform(attempt, plan)

    async def _plan(self, attempt: Attempt, *, refresh: bool = False) -> PushPlan:
        target = PushTarget(
            status=attempt.push.status,
            stage=attempt.push.stage,
            rejection_reason=attempt.push.rejection_reason,
        )
        options = {"refresh": True} if refresh else {}
        try:
            # Planning may ask the ATS nothing, so that its success says nothing about the ATS.
            return await self._call(
                lambda: self._ats.plan_push(ref_of(attempt), attempt.current, target, **options),
                proves=False,
            )
        except NotFound as error:
            # A list of stages may be gone as well as the application itself.
            if attempt.fresh or await self._refresh(attempt):
                raise Rejected(str(error), status=error.status, operation=error.operation) from None
            raise

    async def _perform(self, attempt: Attempt, plan: Steps) -> PushEnded | None:
        """None if the application has to be decided about again."""
        if not await self._tools.claim(attempt.push):
            raise NotOurs
        attempt.tried = True
        for number, step in enumerate(plan.steps):
            attempt.sent_at = self._tools.clock.now()
            try:
                await self._call(lambda step=step: self._ats.perform(step))  # type: ignore[misc]
            except (Unavailable, RateLimited, AuthRefused, Forbidden, HeldBack):
                if not attempt.stepped:
                    attempt.sent_at = None
                raise
            except OutcomeUnknown as error:
                if not error.was_answered:
                    raise
                return await self._doubted(attempt, error, is_last=step is plan.steps[-1])
            except Terminal as error:
                return await self._refused(attempt, plan, error, steps_done=number)
            attempt.stepped = True
        await self._tools.gate.sent()
        return self._delivered(attempt, ApplicationState(plan.status, plan.stage))

    async def _doubted(
        self, attempt: Attempt, error: OutcomeUnknown, *, is_last: bool
    ) -> PushEnded | None:
        """Read the application, because the answer does not show that the write took effect.

        Raises:
            OutcomeUnknown: it does not show it, or not yet.
        """
        before, sent_at, attempt.stepped = attempt.current, attempt.sent_at, True
        if not await self._refresh(attempt):
            return self._gone(attempt)
        if isinstance(self._verdict(attempt), AlreadyHeld):
            await self._tools.gate.sent()
            return self._there(attempt)
        if not is_last and standing_of(attempt.current) != standing_of(before):
            _count_own_steps(attempt)
            return None
        attempt.sent_at = sent_at
        raise error

    async def _refused(
        self, attempt: Attempt, plan: Steps, error: Terminal, *, steps_done: int
    ) -> PushEnded | None:
        """End the push if one fresh look shows the application where it was.

        None if it has moved: the push is decided about again.
        """
        before = attempt.current
        if not await self._refresh(attempt):
            return self._gone(attempt)
        if isinstance(self._verdict(attempt), AlreadyHeld):
            return self._there(attempt)
        if steps_done:
            _count_own_steps(attempt)
            return None
        if has_moved(before, attempt.current, error):
            return None
        if attempt.refreshed:
            return await self._dead(attempt, error)
        return await self._try_otherwise(attempt, plan, error)

    async def _try_otherwise(
        self, attempt: Attempt, plan: Steps, error: Terminal
    ) -> PushEnded | None:
        """Choose once more: the stage or reason may have changed since it was looked up."""
        attempt.refreshed = True
        again = await self._plan(attempt, refresh=True)
        match again:
            case Steps() if again.basis != plan.basis:
                return await self._perform(attempt, again)
            case Impossible():
                return await self._dead(attempt, error, hint=again.reason)
            case _:
                return await self._dead(attempt, error)

    async def _dead(self, attempt: Attempt, error: AtsError, *, hint: str = "") -> PushEnded:
        names: Sequence[str] = ()
        if error.words:
            names = await self._tools.names_of(ref_of(attempt).candidate_external_id)
        message = refusal_text(error, names, hint=hint)
        return self._done(attempt, "dead", reason="refused", message=message)

    async def _call(self, question: Callable[[], Awaitable[T]], *, proves: bool = True) -> T:
        """One call of the connector. Its own mistakes fail this push and no other."""
        try:
            async with self._tools.requests:
                self._require_admission()
                answer = await question()
        except (AtsError, HeldBack):
            raise
        except Exception as error:
            log.exception("connector_failed", integration=self._tools.connector.integration)
            message = f"the connector failed with {type(error).__name__}"
            raise UnexpectedPayload(message) from error
        if proves:
            await self._tools.gate.answered()
        return answer

    def _require_admission(self) -> None:
        if not self._tools.gate.admits():
            raise HeldBack

    async def _after(self, attempt: Attempt, error: AtsError) -> PushEnded | PushDeferred:
        await self._tools.gate.failed(error)
        match error:
            case RateLimited():
                until = self._tools.gate.limited_until or self._tools.clock.now()
                return self._waits(attempt, until, counted=False, error=error)
            case AuthRefused():
                return self._waits(attempt, self._tools.clock.now(), counted=False, error=error)
            case OutcomeUnknown() | BrokenAnswer() | Transient() | Forbidden():
                return self._again(attempt, error)
            case NotFound():
                return self._gone(attempt)
            case _:
                return await self._dead(attempt, error)

    def _again(self, attempt: Attempt, error: AtsError) -> PushEnded | PushDeferred:
        now = self._tools.clock.now()
        decision = next_attempt(
            self._tools.retry,
            attempts=attempt.push.attempts + 1,
            first_attempt_at=attempt.push.first_attempt_at or now,
            now=now,
            jitter=self._tools.jitter,
        )
        if isinstance(decision, GiveUp):
            attempt.tried = True
            return self._done(attempt, "dead", reason="horizon", message=_text_of(error))
        at = decision.at if error.until is None else max(decision.at, error.until)
        return self._waits(attempt, at, counted=True, error=error)

    def _waits(
        self, attempt: Attempt, until: datetime, *, counted: bool, error: AtsError | None = None
    ) -> PushDeferred:
        push = attempt.push
        return PushDeferred(
            push=push,
            until=until,
            attempts=push.attempts + counted,
            first_attempt_at=push.first_attempt_at
            or (self._tools.clock.now() if counted else None),
            # A step that took effect has to be found again, too, when the next one failed.
            sent_at=attempt.sent_at or (self._tools.clock.now() if attempt.stepped else None),
            error=None if error is None else _text_of(error),
        )

    def _delivered(self, attempt: Attempt, standing: ApplicationState) -> PushEnded:
        return self._done(attempt, "delivered", moved=_moved(attempt, standing))

    def _there(self, attempt: Attempt) -> PushEnded:
        """Someone was there first: this push itself if one of its requests was never answered."""
        standing = standing_of(attempt.current)
        moved = _moved(attempt, standing) if attempt.fresh else None
        if attempt.is_own_work:
            return self._done(attempt, "delivered", moved=moved)
        return self._done(attempt, "skipped", reason="already_there", moved=moved)

    def _yielded(self, attempt: Attempt, verdict: KeepAtsStatus) -> PushEnded:
        if verdict.conflict:
            ats = ApplicationStatus(attempt.current["status"])
            policy = self._tools.rules.conflicts
            attempt.conflict = PushConflict(ats, policy, verdict.winner)
        reason = "conflict" if verdict.conflict else "ats_moved"
        return self._done(attempt, "skipped", reason=reason if verdict.winner else "conflict_open")

    def _gone(self, attempt: Attempt) -> PushEnded:
        message = "the ATS no longer has this application"
        return self._done(attempt, "dead", reason="gone_at_ats", message=message)

    def _done(
        self,
        attempt: Attempt,
        state: EndState,
        *,
        reason: str | None = None,
        message: str | None = None,
        moved: AtsMove | None = None,
    ) -> PushEnded:
        return PushEnded(
            push=attempt.push,
            state=state,
            base=attempt.base,
            at=self._tools.clock.now(),
            attempts=attempt.push.attempts + attempt.tried,
            reason=reason,
            message=message,
            moved=moved,
            conflict=attempt.conflict,
        )


def _count_own_steps(attempt: Attempt) -> None:
    """Count what the first steps did as no move of the ATS: the push goes on from there."""
    attempt.base = ApplicationStatus(attempt.current["status"])


def _is_guarded(plan: Steps) -> bool:
    """True if a guard, where the ATS has one, covers the whole plan."""
    return [step.operation for step in plan.steps] == ["move"]


def _as_record(known: KnownApplication) -> ApplicationRecord:
    return cast("ApplicationRecord", known.record)


def ref_of(attempt: Attempt) -> ApplicationRef:
    record = attempt.known.record
    return ApplicationRef(
        external_id=attempt.push.external_id,
        candidate_external_id=str(record["candidate_external_id"]),
        job_external_id=(record.get("job") or {}).get("external_id"),
    )


def _moved(attempt: Attempt, standing: ApplicationState) -> AtsMove:
    return AtsMove(
        before_status=attempt.known.state.status,
        before_stage=attempt.known.state.stage,
        before_rejection_reason=attempt.known.record.get("rejection_reason"),
        status=standing.status,
        stage=standing.stage,
        rejection_reason=attempt.push.rejection_reason,
        candidate_external_id=str(attempt.known.record["candidate_external_id"]),
    )


def _text_of(error: AtsError) -> str:
    return f"{type(error).__name__}: {error}"
