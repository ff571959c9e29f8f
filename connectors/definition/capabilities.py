"""The capabilities that a definition gives its connector."""

from connectors.definition.analytics import ValueAnalytics
from connectors.definition.paths import details_used
from connectors.definition.records import NOTHING
from connectors.definition.root import DefinitionModel
from connectors.definition.sources import paths_in
from connectors.values import Capabilities
from models.status import ApplicationStatus


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
        notes=writes.note is not None,
        carries_note=frozenset(filter(writes.carries_note, ApplicationStatus)),
        hired_fields=bool(writes.hired_fields),
        fetches_files=model.files is not None,
        waivers=dict(model.waivers),  # type: ignore[arg-type]  # capabilities are words
    )


def _shows_values(model: DefinitionModel) -> bool:
    """True where analytics values are custom fields, or tags of which earlier ones are removed.

    What is read in the background may be older than a value: it shows nothing.
    """
    analytics, candidate, application = model.analytics, model.candidate, model.application
    if not isinstance(analytics, ValueAnalytics):
        return False
    if analytics.replaces is not None:
        return candidate is not None and _is_listed(candidate.tags)
    if application is not None and _is_listed(application.custom_fields):
        return True
    in_one = any(spec.holds == "both" for spec in model.lists.values())
    return in_one and candidate is not None and _is_listed(candidate.custom_fields)


def _is_listed(source: object) -> bool:
    paths = list(paths_in(source))  # type: ignore[arg-type]  # a validated source
    return source != NOTHING and not any(map(details_used, paths))
