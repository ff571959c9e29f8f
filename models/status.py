"""The canonical application status: ten words that every ATS's stages are translated into."""

import re
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

_WORD = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*")
_LONGEST_WORD = 30


def status_word(text: str) -> str | None:
    """Returns the text if it is one word, as a misspelt status is; None for any other.

    ClearView's field may hold anything: a sentence, an address, a name. It goes no further.
    """
    return text if len(text) <= _LONGEST_WORD and _WORD.fullmatch(text) else None
