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
from daemon.pushing.attempt_state import AttemptState
from daemon.pushing.refusals import error_text

log = structlog.get_logger(__name__)


async def with_note(end: PushEnded, attempt: AttemptState, calls: AtsCalls) -> PushEnded:
    """Writes the note of a delivered push; returns its end with what came of that."""
    capabilities = attempt.context.connector.capabilities
    text = attempt.note if end.state == "delivered" else None
    if text is None:
        return end
    if end.push.status in capabilities.carries_note:
        return replace(end, note="made")
    if not capabilities.notes:
        return end
    if not await attempt.context.claim_note(end.push):
        return replace(end, note="unknown", note_error="it was being sent when work was stopped")
    return await _send(end, attempt, calls, text)


async def _send(end: PushEnded, attempt: AttemptState, calls: AtsCalls, text: str) -> PushEnded:
    """Sends it, again after a short pause as long as the ATS has certainly not taken it."""
    rule = attempt.context.retry
    for pause in (rule.floor, rule.base, None):
        try:
            await calls.add_note(attempt, text)
        except (Unavailable, RateLimited) as error:
            if pause is None:
                return _failed(end, error)
            await attempt.context.clock.sleep(pause)
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
