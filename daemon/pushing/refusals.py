"""Judgement of a refused write: did the application move, and what did the ATS say?"""

from collections.abc import Sequence

from connectors.errors import AtsError, GuardRefused, NotFound
from connectors.http.vendor_words import harmless
from daemon.core.applications import ApplicationState
from models.candidate import ApplicationRecord
from models.status import ApplicationStatus


def state_of(record: ApplicationRecord) -> ApplicationState:
    return ApplicationState(ApplicationStatus(record["status"]), record["stage"])


def has_moved(before: ApplicationRecord, after: ApplicationRecord, error: AtsError) -> bool:
    """True if the refusal may be due to a move at the ATS, so that the push is decided about again.

    One status code often has two meanings, "it is elsewhere" and "this is not allowed": the record
    shows which. For a guard a change of its time counts as well, since an application may have
    left its stage and come back.
    """
    if state_of(before) != state_of(after):
        return True
    times = (before["external_updated_at"], after["external_updated_at"])
    return isinstance(error, GuardRefused) and None not in times and times[0] != times[1]


def error_text(error: AtsError) -> str:
    return f"{type(error).__name__}: {error}"


def refusal_text(error: AtsError, names: Sequence[str], *, hint: str = "") -> str:
    """Returns what was refused, and the ATS's own words without the candidate's name."""
    quoted = harmless(error.words, names)
    code = f" ({error.code})" if error.code and harmless(error.code, names) == error.code else ""
    return f"{_cause(error)}{code}{f': {quoted}' if quoted else ''}{f'. {hint}' if hint else ''}"


def _cause(error: AtsError) -> str:
    operation = error.operation or "write"
    if error.status is None or not isinstance(error, GuardRefused | NotFound):
        return error_text(error).removesuffix(f" ({error.code})")
    if isinstance(error, GuardRefused):
        return (
            f"Rejected: {operation}: the ATS refuses this request (answered {error.status}), "
            "and the application has not moved there"
        )
    return (
        f"NotFound: {operation}: the ATS answered {error.status} although it still has the "
        "application; the stage or the reason may be gone"
    )
