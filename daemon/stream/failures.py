"""Decides if an error of the change stream leaves the position valid, or has lost it."""

from pymongo.errors import OperationFailure, PyMongoError

from daemon.core.mongodb_codes import LOGIN_REFUSED, OUTAGE, UNAUTHORIZED
from daemon.core.status_events import PositionLost, StreamInterrupted


def stream_failure(
    error: PyMongoError, *, positioned: bool, database: str
) -> PositionLost | StreamInterrupted:
    """Returns the meaning of an error. Without a position none can be lost."""
    if not isinstance(error, OperationFailure):
        return StreamInterrupted(type(error).__name__)
    if error.code in {UNAUTHORIZED, *LOGIN_REFUSED}:
        return StreamInterrupted(
            f"MongoDB refuses the change stream (code {error.code}): "
            f"grant the daemon's user find and changeStream on the database {database}"
        )
    passing = error.code in OUTAGE or error.has_error_label("ResumableChangeStreamError")
    if passing or not positioned:
        return StreamInterrupted(f"the change stream ended with code {error.code}")
    return PositionLost(f"the server does not accept the position (code {error.code})")
