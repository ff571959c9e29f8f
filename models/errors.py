"""The roots of every error this service raises on purpose."""

import inspect


class AtsSyncError(Exception):
    """The service could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        """Without a message, the class docstring is the message."""
        super().__init__(message or _sentence_of(type(self)))


class UserError(AtsSyncError):
    """A person must change something before this can work.

    Printed without a traceback: the message says what happened and where, `remedy` says what to do.
    """

    def __init__(self, message: str | None = None, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def _sentence_of(error: type[AtsSyncError]) -> str:
    """The first paragraph of the class docstring, which a subclass without one inherits."""
    paragraph = (inspect.getdoc(error) or error.__name__).split("\n\n")[0]
    return " ".join(paragraph.split())
