"""What an error of the change stream means: go on from the last position, or it is lost."""

from pymongo.errors import OperationFailure, PyMongoError

from daemon.core.status_events import PositionLost, StreamInterrupted

_NOT_ALLOWED = frozenset({13, 18, 8000})
_PASSING = frozenset(
    {6, 7, 11, 43, 50, 63, 89, 91, 112, 133, 150, 189, 202, 234, 262, 317}
    | {9001, 10107, 11600, 11601, 11602, 13388, 13435, 13436}
)
"""Elections, shutdowns, killed cursors and time-outs: the position is still good."""


def stream_failure(error: PyMongoError, *, positioned: bool) -> PositionLost | StreamInterrupted:
    """Which of both an error is. Without a position there is none to lose."""
    if not isinstance(error, OperationFailure):
        return StreamInterrupted(type(error).__name__)
    if error.code in _NOT_ALLOWED:
        return StreamInterrupted(
            f"MongoDB refuses the change stream (code {error.code}): "
            "grant the daemon's user find and changeStream on ClearView's database"
        )
    passing = error.code in _PASSING or error.has_error_label("ResumableChangeStreamError")
    if passing or not positioned:
        return StreamInterrupted(f"the change stream ended with code {error.code}")
    return PositionLost(f"the server does not accept the position (code {error.code})")
