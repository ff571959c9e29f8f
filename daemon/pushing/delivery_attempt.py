"""One attempt to deliver one push: refresh, decide, plan, claim, call, judge."""

from connectors.errors import (
    AtsError,
    AuthRefused,
    BrokenAnswer,
    Forbidden,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Terminal,
    Transient,
    Unavailable,
)
from connectors.values import AlreadyThere, Impossible, Steps
from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.push_decision import AlreadyHeld, KeepAtsStatus, Send
from daemon.core.pushes import OpenPush, PushDeferred, PushEnded
from daemon.core.retry import next_attempt
from daemon.pushing.ats_calls import AtsCalls, NotAdmitted
from daemon.pushing.attempt_state import AttemptContext, AttemptState
from daemon.pushing.push_note import with_note
from daemon.pushing.refusals import error_text, has_moved, refusal_text, state_of
from models.status import ApplicationStatus

_DECISIONS = 3
"""Decisions in one attempt; more than one, because the application moved meanwhile."""


class PushTakenOver(Exception):
    """A later holder of the lease has the push."""


class PushAttempt:
    """Attempts one push."""

    def __init__(self, context: AttemptContext, *, obsolete: bool = False) -> None:
        """`obsolete`: a newer push replaces it; it only finds out what its request has done."""
        self._context = context
        self._obsolete = obsolete
        self._ats = AtsCalls(context)

    async def run(
        self, push: OpenPush, *, base: ApplicationStatus, known: KnownApplication
    ) -> PushEnded | PushDeferred:
        """Returns the push's end, or until when it is deferred.

        Raises:
            PushTakenOver: it must be left alone.
        """
        attempt = AttemptState(self._context, push, base, known)
        try:
            async with self._context.attempts:
                return await with_note(await self._resolve(attempt), attempt, self._ats)
        except AtsError as error:
            return await self._after_error(attempt, error)
        except NotAdmitted:
            return attempt.deferred(self._context.clock.now())

    async def _resolve(self, attempt: AttemptState) -> PushEnded:
        """Decides and sends; refreshes the application first wherever its snapshot is not enough."""
        if attempt.sent_at is not None and not await self._ats.refresh(attempt):
            return attempt.gone()
        for _ in range(_DECISIONS):
            decision = attempt.decide()
            end = self._end_without_request(attempt, decision)
            if end is None and isinstance(decision, Send) and self._may_plan(attempt, decision):
                if decision.overrules_ats:
                    attempt.note_conflict("clearview")
                end = await self._send(attempt)
            if end is not None:
                return end
            if not attempt.fresh and not await self._ats.refresh(attempt):
                return attempt.gone()
        raise Unavailable("the application keeps moving at the ATS while it is being updated")

    def _end_without_request(
        self, attempt: AttemptState, decision: Send | AlreadyHeld | KeepAtsStatus
    ) -> PushEnded | None:
        if isinstance(decision, AlreadyHeld):
            return attempt.already_held()
        if not attempt.fresh:
            return None
        if self._obsolete:
            return attempt.ended("superseded", reason="superseded")
        if isinstance(decision, KeepAtsStatus):
            return attempt.ats_status_kept(decision)
        return None

    def _may_plan(self, attempt: AttemptState, decision: Send) -> bool:
        """True with a fresh record, or where the ATS itself checks a write made by the snapshot."""
        capabilities = self._context.connector.capabilities
        checks_itself = capabilities.guarded_writes and not capabilities.read_before_write
        return attempt.fresh or (checks_itself and not decision.overrules_ats)

    async def _send(self, attempt: AttemptState) -> PushEnded | None:
        """Plans the requests and sends them; None if the application has to be read first."""
        plan = await self._ats.plan(attempt)
        match plan:
            case AlreadyThere():
                return attempt.already_held() if attempt.fresh else None
            case Impossible():
                return attempt.ended("skipped", reason="impossible", message=plan.reason)
            case Steps():
                # A guard, where the ATS has one, covers a single move only.
                if not attempt.fresh and [step.operation for step in plan.steps] != ["move"]:
                    return None
                return await self._perform(attempt, plan)

    async def _perform(self, attempt: AttemptState, plan: Steps) -> PushEnded | None:
        """Claims the push and makes its requests; None if it has to be decided about again."""
        if not await self._context.claim(attempt.push):
            raise PushTakenOver
        attempt.tried = True
        for number, step in enumerate(plan.steps):
            attempt.sent_at = self._context.clock.now()
            try:
                await self._ats.perform(step)
            except (Unavailable, RateLimited, AuthRefused, Forbidden, NotAdmitted):
                if not attempt.stepped:
                    attempt.sent_at = None
                raise
            except OutcomeUnknown as error:
                if not error.was_answered:
                    raise
                is_last = step is plan.steps[-1]
                return await self._judge_doubtful(attempt, error, is_last=is_last)
            except Terminal as error:
                return await self._judge_refusal(attempt, plan, error, steps_done=number)
            attempt.stepped = True
        await self._context.admission.sent()
        return attempt.delivered(ApplicationState(plan.status, plan.stage))

    async def _judge_doubtful(
        self, attempt: AttemptState, error: OutcomeUnknown, *, is_last: bool
    ) -> PushEnded | None:
        """Reads the application, because the answer does not show that the write took effect.

        Raises:
            OutcomeUnknown: the application does not show it, or not yet.
        """
        before, sent_at, attempt.stepped = attempt.current, attempt.sent_at, True
        if not await self._ats.refresh(attempt):
            return attempt.gone()
        if isinstance(attempt.decide(), AlreadyHeld):
            await self._context.admission.sent()
            return attempt.already_held()
        if not is_last and state_of(attempt.current) != state_of(before):
            attempt.count_own_steps()
            return None
        attempt.sent_at = sent_at
        raise error

    async def _judge_refusal(
        self, attempt: AttemptState, plan: Steps, error: Terminal, *, steps_done: int
    ) -> PushEnded | None:
        """Ends the push if a fresh read finds the application unmoved.

        None if it has moved: the push is decided about again.
        """
        before = attempt.current
        if not await self._ats.refresh(attempt):
            return attempt.gone()
        if isinstance(attempt.decide(), AlreadyHeld):
            return attempt.already_held()
        if steps_done:
            attempt.count_own_steps()
            return None
        if has_moved(before, attempt.current, error):
            return None
        if attempt.refreshed:
            return await self._refused(attempt, error)
        return await self._replan(attempt, plan, error)

    async def _replan(
        self, attempt: AttemptState, plan: Steps, error: Terminal
    ) -> PushEnded | None:
        """Plans again: the stage, reason or user may have changed since its list was read."""
        attempt.refreshed = True
        new_plan = await self._ats.plan(attempt, refresh=True)
        match new_plan:
            case Steps() if new_plan.basis != plan.basis:
                return await self._perform(attempt, new_plan)
            case Impossible():
                return await self._refused(attempt, error, hint=new_plan.reason)
            case _:
                return await self._refused(attempt, error, hint=await self._ats.acting_user_hint())

    async def _refused(
        self, attempt: AttemptState, error: AtsError, *, hint: str = ""
    ) -> PushEnded:
        said = error.words or error.code
        names = await self._context.names_of(attempt.ref.candidate_external_id) if said else ()
        message = refusal_text(error, names, hint=hint)
        return attempt.ended("dead", reason="refused", message=message)

    async def _after_error(
        self, attempt: AttemptState, error: AtsError
    ) -> PushEnded | PushDeferred:
        """Ends or defers a push whose attempt failed."""
        admission, now = self._context.admission, self._context.clock.now()
        await admission.failed(error)
        match error:
            case RateLimited():
                return attempt.deferred(admission.limited_until or now, error=error)
            case AuthRefused():
                return attempt.deferred(now, error=error)
            case OutcomeUnknown() | BrokenAnswer() | Transient() | Forbidden():
                return self._retry(attempt, error)
            case NotFound():
                return attempt.gone()
            case _:
                return await self._refused(attempt, error)

    def _retry(self, attempt: AttemptState, error: AtsError) -> PushEnded | PushDeferred:
        now = self._context.clock.now()
        at = next_attempt(
            self._context.retry,
            attempts=attempt.push.attempts + 1,
            first_attempt_at=attempt.push.first_attempt_at or now,
            now=now,
            jitter=self._context.jitter,
        )
        if at is None:
            attempt.tried = True
            return attempt.ended("dead", reason="horizon", message=error_text(error))
        until = at if error.until is None else max(at, error.until)
        return attempt.deferred(until, counted=True, error=error)
