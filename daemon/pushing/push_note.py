"""The note that an operator wants at the ATS with each delivered push: at most one, whatever happens.

It is claimed in the outbox before its request leaves. A kill or a lost answer after that leaves it
`unknown`, and it is not sent again: two notes are worse than none. The push itself has been made, and
nothing that happens here changes its end.
"""

import structlog
from msgspec.structs import replace

from connectors.errors import AtsError, OutcomeUnknown, RateLimited, Unavailable
from daemon.core.pushes import PushEnded
from daemon.pushing.ats_calls import AtsCalls
from daemon.pushing.attempt import Attempt, AttemptContext
from daemon.pushing.refusals import error_text

log = structlog.get_logger(__name__)


class PushNotes:
    """Writes the notes of one integration's pushes."""

    def __init__(self, context: AttemptContext, calls: AtsCalls) -> None:
        self._context = context
        self._calls = calls

    async def added_to(self, end: PushEnded, attempt: Attempt) -> PushEnded:
        """Writes the note of a delivered push; returns its end with what came of that."""
        capabilities = self._context.connector.capabilities
        text = attempt.note if end.state == "delivered" else None
        if text is None:
            return end
        if end.push.status in capabilities.carries_note:
            return replace(end, note="made")
        if not capabilities.notes:
            return end
        if not await self._context.claim_note(end.push):
            return replace(
                end, note="unknown", note_error="it was being sent when work was stopped"
            )
        return await self._send(end, attempt, text)

    async def _send(self, end: PushEnded, attempt: Attempt, text: str) -> PushEnded:
        """Sends it, again after a short pause as long as the ATS has certainly not taken it."""
        rule = self._context.retry
        for pause in (rule.floor, rule.base, None):
            try:
                await self._calls.add_note(attempt, text)
            except (Unavailable, RateLimited) as error:
                if pause is None:
                    return _failed(end, error)
                await self._context.clock.sleep(pause)
            except AtsError as error:
                return _failed(end, error)
            else:
                break
        return replace(end, note="made")


def _failed(end: PushEnded, error: AtsError) -> PushEnded:
    outcome = "unknown" if isinstance(error, OutcomeUnknown) else "failed"
    application = str(end.push.application_id)
    log.warning("push_note_not_made", application_id=application, error=error_text(error))
    return replace(end, note=outcome, note_error=error_text(error))
