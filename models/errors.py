"""The roots of every error this service raises on purpose."""

import inspect


class AtsSyncError(Exception):
    """The service could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        """Without a message, the first paragraph of the class docstring is it; a subclass may inherit that."""
        if not message:
            paragraph = (inspect.getdoc(type(self)) or type(self).__name__).split("\n\n")[0]
            message = " ".join(paragraph.split())
        super().__init__(message)


class UserError(AtsSyncError):
    """A person must change something before this can work.

    Printed without a traceback: the message says what happened and where, `remedy` says what to do.
    """

    def __init__(self, message: str | None = None, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy
