"""The types of the events that the daemon publishes (CloudEvents' `type`)."""

from enum import StrEnum


class EventType(StrEnum):
    """A kind of thing that happened, as subscribers know it."""

    CANDIDATE_CREATED = "clearview.ats.candidate.created"
    CANDIDATE_UPDATED = "clearview.ats.candidate.updated"
    CANDIDATE_DELETED = "clearview.ats.candidate.deleted"
    APPLICATION_PUSHED = "clearview.ats.application.pushed"
    APPLICATION_FAILED = "clearview.ats.application.failed"
    APPLICATION_CONFLICT = "clearview.ats.application.conflict"
    ANALYTICS_EXPORTED = "clearview.ats.analytics.exported"
    INTEGRATION_BROKEN = "clearview.ats.integration.broken"
    INTEGRATION_RECOVERED = "clearview.ats.integration.recovered"

    @property
    def topic(self) -> str:
        """Returns the type without what all types begin with, such as `candidate.updated`."""
        return self.value.removeprefix("clearview.ats.")
