"""Calls of the ATS within an attempt: admitted one by one, limited in number, and counted."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from connectors.errors import AtsError, NotFound, Rejected, UnexpectedPayload
from connectors.values import PushPlan, Step
from daemon.core.push_note import hired_content
from daemon.pushing.attempt_state import AttemptContext, AttemptState
from models.status import ApplicationStatus

log = structlog.get_logger(__name__)

T = TypeVar("T")


class NotAdmitted(Exception):
    """Admission was closed before the request left."""


class AtsCalls:
    """The calls of an attempt."""

    def __init__(self, context: AttemptContext) -> None:
        self._context = context
        self._ats = context.connector

    async def refresh(self, attempt: AttemptState) -> bool:
        """Reads the application again; False if the ATS no longer has it."""
        if not self._ats.capabilities.reads_application:
            # Its writes may be repeated, so that the snapshot is enough.
            attempt.sent_at, attempt.fresh = None, True
            return True
        record = await self._call(lambda: self._ats.read_application(attempt.ref))
        attempt.sent_at, attempt.fresh = None, True
        if record is None:
            return False
        attempt.current = record
        return True

    async def plan(self, attempt: AttemptState, *, refresh: bool = False) -> PushPlan:
        """Returns the requests that the push needs; `refresh` reads stages and reasons again."""
        push = attempt.push
        if push.status is ApplicationStatus.HIRED and self._ats.capabilities.hired_fields:
            content = await self._context.content_of(push.application_id)
            attempt.content = hired_content(content, push)
        try:
            # Planning may send no request, so that its success proves nothing about the ATS.
            return await self._call(
                lambda: self._ats.plan_push(
                    attempt.ref, attempt.current, attempt.target, refresh=refresh
                ),
                proves=False,
            )
        except NotFound as error:
            # A list of stages may be gone as well as the application itself.
            if attempt.fresh or await self.refresh(attempt):
                raise Rejected(str(error), status=error.status, operation=error.operation) from None
            raise

    async def acting_user_hint(self) -> str:
        """Returns what is wrong with the user in whose name writes are made, or nothing.

        Users that cannot be read are no reason to lose the ATS's own words about the write.
        """
        try:
            problem = await self._call(self._ats.acting_user_problem, proves=False)
        except AtsError:
            return ""
        return f"`acting_user` {problem}" if problem else ""

    async def add_note(self, attempt: AttemptState, text: str) -> None:
        """Writes a note. What comes of it says nothing about pushes, so that admission is not asked."""
        await self._call(
            lambda: self._ats.add_note(attempt.ref, text), proves=False, is_admitted=True
        )

    async def perform(self, step: Step) -> None:
        """Sends one request of the plan."""
        await self._call(lambda: self._ats.perform(step))

    async def _call(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        proves: bool = True,
        is_admitted: bool = False,
    ) -> T:
        """Calls the connector. An error of its own code fails this push and no other."""
        try:
            async with self._context.requests:
                if not is_admitted:
                    self._require_admission()
                answer = await call()
        except (AtsError, NotAdmitted):
            raise
        except Exception as error:
            log.exception("connector_failed", integration=self._ats.integration)
            message = f"the connector failed with {type(error).__name__}"
            raise UnexpectedPayload(message) from error
        if proves:
            await self._context.admission.answered()
        return answer

    def _require_admission(self) -> None:
        if not self._context.admission.may_send():
            raise NotAdmitted
