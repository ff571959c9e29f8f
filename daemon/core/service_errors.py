"""Errors of calls to ClearView's services."""

from models.errors import AtsSyncError


class ServiceFailed(AtsSyncError):
    """A ClearView service did not do what was asked. `status` is None when no answer came."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ServiceUnavailable(ServiceFailed):
    """The same request may succeed later."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s
