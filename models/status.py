"""The canonical application status: ten words that every ATS's stages are translated into."""

from enum import StrEnum


class ApplicationStatus(StrEnum):
    """The status of an application, in ClearView's words."""

    NEW = "new"
    REVIEWING = "reviewing"
    SCREENING = "screening"
    ASSESSMENT = "assessment"
    INTERVIEW = "interview"
    BACKGROUND_CHECK = "background_check"
    OFFER = "offer"
    HIRED = "hired"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"

    @property
    def is_open(self) -> bool:
        """Returns True while the application is still in the pipeline."""
        return self not in CLOSED


UNMAPPED_STATUS = ApplicationStatus.REVIEWING
"""The status of an application whose stage no rule knows; the raw stage is kept."""

CLOSED = frozenset(
    {ApplicationStatus.HIRED, ApplicationStatus.REJECTED, ApplicationStatus.WITHDRAWN}
)
TURNED_DOWN = frozenset({ApplicationStatus.REJECTED, ApplicationStatus.WITHDRAWN})
