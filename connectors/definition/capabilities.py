"""The capabilities that a definition gives its connector."""

from connectors.connector import Capabilities
from connectors.definition.analytics import ValueAnalytics
from connectors.definition.root import DefinitionModel


def capabilities_of(model: DefinitionModel) -> Capabilities:
    """Returns what the ATS can do by this definition."""
    writes, analytics = model.writes, model.analytics
    operations = writes.operations()
    moves_back = writes.move is not None and "rejected" in writes.move.allowed_from
    return Capabilities(
        moves=writes.move is not None,
        rejects=writes.reject is not None,
        unrejects=writes.unreject is not None or moves_back,
        hires=writes.hire is not None,
        withdraws=writes.withdraw is not None or writes.reject is not None,
        analytics=analytics.kind if analytics else None,
        reads_application=writes.read is not None,
        guarded_writes=any(write.guard for write in operations.values()),
        read_before_write=not all(write.repeatable for write in operations.values()),
        shows_values=_shows_values(model),
        waivers=dict(model.waivers),  # type: ignore[arg-type]  # capabilities are words
    )


def _shows_values(model: DefinitionModel) -> bool:
    """True where analytics values are custom fields, or tags of which earlier ones are removed."""
    analytics, candidate, application = model.analytics, model.candidate, model.application
    if not isinstance(analytics, ValueAnalytics):
        return False
    if analytics.replaces is not None:
        return candidate is not None and candidate.tags is not None
    if application is not None and application.custom_fields is not None:
        return True
    in_one = any(spec.holds == "both" for spec in model.lists.values())
    return in_one and candidate is not None and candidate.custom_fields is not None
