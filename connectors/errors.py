"""Errors of an ATS, named by what the daemon does next.

A class says the next move, the message says what happened, `status` says what the ATS answered.
Messages carry no payload, no credential and no personal data: ids and HTTP facts only.
"""

from datetime import datetime

from models.errors import AtsSyncError


class AtsError(AtsSyncError):
    """The ATS did not do what was requested."""

    usual_status: int | None = None
    """The HTTP status where none is given."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        operation: str | None = None,
        until: datetime | None = None,
    ) -> None:
        super().__init__(message or self.__doc__ or "")
        self.status = self.usual_status if status is None else status
        self.operation = operation
        self.until = until
        """Before this moment the ATS wants no further request, as far as it said."""
        self.code = ""
        """The vendor's own error code, fit to be shown."""
        self.words = ""
        """The ATS's own words. They may name a person, and are shown only without names."""


class Transient(AtsError):
    """The same request may succeed later."""


class RateLimited(Transient):
    """The ATS asks to slow down."""

    usual_status = 429


class Unavailable(Transient):
    """The ATS could not be reached, or answered that it is not well; nothing was done."""


class TokenUnavailable(Unavailable):
    """No access token can be had, and the credential is not the reason; nothing was sent.

    A wrong token address, a definition with a wrong token request, or a token store that fails:
    work waits until a person has corrected it.
    """


class OutcomeUnknown(Transient):
    """A request was sent and its answer did not show what it did. Read before retry."""

    @property
    def was_answered(self) -> bool:
        """The ATS is done with the request, whatever it did: the record can be read at once."""
        return self.status is not None and self.status < 500


class BrokenAnswer(Transient):
    """The answer was cut short, was not the promised format, or was far too large."""


class CursorRefused(AtsError):
    """The ATS no longer accepts the page position or sync token: start the window again."""


class Terminal(AtsError):
    """Repeating the same request cannot help; a person has to correct it."""


class AuthRefused(Terminal):
    """The ATS refused the credential: pause the integration until it is fixed."""


class Forbidden(Terminal):
    """The credential is good but may not do this: a permission or scope is missing."""


class NotFound(Terminal):
    """The ATS has no such record (any more)."""


class GuardRefused(Terminal):
    """The record is not in the expected state any more: read it again and decide again."""


class Rejected(Terminal):
    """The ATS understood the request and refuses it."""


class FieldUnknown(Rejected):
    """The account has no field of the name that the operator gave: no value can be written."""


class UnexpectedPayload(Terminal):
    """The answer parsed but does not have the shape that the definition says."""


class Misdirected(Terminal):
    """A redirect or a followed address points to another origin: refused, nothing was sent."""


class UnreadablePage(Terminal):
    """One page cannot be read and cannot be passed over, although the ATS answers others.

    The next walk has to begin its window again: the position that leads to this page is of no use.
    """


OF_ONE_RECORD = (BrokenAnswer, Rejected, Unavailable, UnexpectedPayload)
"""The errors of the read of a record or page that leave others readable."""


class AddressExpired(Transient):
    """The address of a file is missing, too old, or no longer accepted: read its record again."""


class FileTooLarge(Terminal):
    """The file is larger than the operator allows."""


class NotSupported(Terminal):
    """The definition says that this ATS cannot do this."""
