"""Outages of MongoDB told from refusals: after an outage the same operation may succeed."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

_PASSING_CODES = frozenset(
    {6, 7, 43, 50, 63, 64, 89, 91, 112, 133, 150, 189, 202, 234, 237, 262, 317}
    | {9001, 10107, 12587, 11600, 11601, 11602, 13388, 13435, 13436}
)
"""Elections, shutdowns, killed cursors, index builds, write conflicts and time-outs."""
_PASSING_LABELS = ("RetryableWriteError", "TransientTransactionError", "ResumableChangeStreamError")


def is_outage(error: BaseException) -> bool:
    """Returns True if MongoDB was away, changed its primary or took too long."""
    if not isinstance(error, PyMongoError):
        return False
    if isinstance(error, ConnectionFailure) or error.timeout:
        return True
    if any(error.has_error_label(label) for label in _PASSING_LABELS):
        return True
    if isinstance(error, BulkWriteError):
        return not _refused(error.details)
    return isinstance(error, OperationFailure) and error.code in _PASSING_CODES


def _refused(result: Mapping[str, Any]) -> bool:
    """Returns True if a write of a batch failed by itself, rather than its confirmation."""
    refusals: Sequence[Mapping[str, Any]] = result.get("writeErrors") or ()
    return any(refusal.get("code") not in _PASSING_CODES for refusal in refusals)
