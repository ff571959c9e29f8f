"""Repeats operations during an outage of MongoDB. Only for units that may be repeated without harm.

The drivers repeat a single write once; updates of many documents and bulk writes with one they
do not repeat at all, and an election takes longer than one repetition.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo.errors import PyMongoError

from daemon.store.mongo_errors import is_outage

T = TypeVar("T")
_PAUSE_S = 0.2


async def repeated(unit: Callable[[], Awaitable[T]], *, within_s: float = 30.0) -> T:
    """Returns the result of the unit, which is repeated while there is no primary.

    Raises:
        PyMongoError: it still fails when the time is over, or repeating cannot help.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            return await unit()
        except PyMongoError as error:
            if not is_outage(error) or time.monotonic() > give_up_at:
                raise
        await asyncio.sleep(_PAUSE_S)
