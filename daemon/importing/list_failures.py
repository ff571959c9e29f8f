"""A list that could not be walked to its end: what its stored position is still good for."""

from connectors.errors import (
    AtsError,
    AuthRefused,
    BrokenAnswer,
    Forbidden,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from daemon.core.poll_state import FailureCause
from daemon.importing.context import ImportContext


def note_list_failure(context: ImportContext, list_name: str, error: Exception) -> None:
    """Counts the failure at the list's position, and names the list if that is forgotten."""
    if context.walk.failed(list_name, cause_of(error)):
        context.run.details.setdefault("positions_forgotten", []).append(list_name)


def cause_of(error: Exception) -> FailureCause:
    """Distinguishes an outage from a failure that the position itself may cause."""
    match error:
        case AtsError(operation="token"):
            return "outage"  # nothing was asked of the list itself
        case RateLimited() | AuthRefused() | Forbidden() | OutcomeUnknown():
            return "outage"
        case Unavailable():
            return "outage" if error.status is None else "answer"
        case BrokenAnswer():
            return "answer"
        case AtsError():
            return "refusal"
        case _:
            return "unexpected"
