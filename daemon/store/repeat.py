"""Repeating what MongoDB did not answer. Only for units that may be repeated without harm.

The drivers repeat a single write once; updates of many documents and bulk writes with one they
do not repeat at all, and an election takes longer than one repetition.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo.errors import AutoReconnect, BulkWriteError, OperationFailure, PyMongoError

T = TypeVar("T")
_PAUSE_S = 0.2
_ELECTION = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})


async def repeated(unit: Callable[[], Awaitable[T]], *, within_s: float = 30.0) -> T:
    """The result of the unit, tried again while there is no primary.

    Raises:
        PyMongoError: it still fails when the time is over, or repeating cannot help.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            return await unit()
        except PyMongoError as error:
            if not is_passing(error) or time.monotonic() > give_up_at:
                raise
        await asyncio.sleep(_PAUSE_S)


def is_passing(error: PyMongoError) -> bool:
    """True if the same operation can succeed once the server is itself again."""
    if isinstance(error, AutoReconnect) or error.timeout:
        return True
    if isinstance(error, BulkWriteError):
        concerns = error.details.get("writeConcernErrors", [])
        return not error.details.get("writeErrors") and bool(concerns)
    return isinstance(error, OperationFailure) and error.code in _ELECTION
