"""The real clock."""

import asyncio
import time
from datetime import datetime, timedelta

from models.times import utc_now


class SystemClock:
    """The machine's clock, as `daemon.ports.clock.Clock`."""

    def now(self) -> datetime:
        return utc_now()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())
