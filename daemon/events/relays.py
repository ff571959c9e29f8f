"""The relays of all sinks in force: each in a task of its own, begun and ended as the file is edited."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from config.operator_events import EventsToHttp, EventsToRabbitMq
from daemon.core.runs import in_words
from daemon.events.relay import EventRelay
from daemon.runtime.loop_set import LoopSet
from daemon.runtime.supervision import Backoff, LoopObserver, supervise

log = structlog.get_logger(__name__)

Entry = EventsToRabbitMq | EventsToHttp
Make = Callable[[Entry], EventRelay]
"""Returns the relay of an entry of the file.

Raises:
    UserError: it cannot be made.
"""


Pairs = list[tuple[Entry, EventRelay]]
_BACKOFF = Backoff(base=timedelta(seconds=1), cap=timedelta(minutes=1))


class EventRelays:
    """One relay for each entry of `events`."""

    def __init__(self, make: Make, entries: Sequence[Entry], observer: LoopObserver) -> None:
        self._make = make
        self._observer = observer
        self._by_entry: Pairs = []
        self._loops = LoopSet(self._publish, _close)
        self.use(self.made_for(entries))

    @property
    def in_force(self) -> list[EventRelay]:
        return [relay for _, relay in self._by_entry]

    @property
    def names(self) -> list[str]:
        return [relay.subscription.name for relay in self.in_force]

    def made_for(self, entries: Sequence[Entry]) -> Pairs:
        """Returns the relays of these entries, for `use`: those that there are, and new ones.

        Raises:
            UserError: an entry cannot be used.
        """
        known = self._by_entry
        return [
            next((pair for pair in known if pair[0] == entry), None) or (entry, self._make(entry))
            for entry in entries
        ]

    def use(self, relays: Pairs) -> None:
        """Begins the relays that are new, and ends those that are left out."""
        self._by_entry = relays
        self._loops.use(self.in_force)

    async def begin(self) -> None:
        """Stores a first position for each that has none, before anything is logged."""
        for relay in self.in_force:
            await relay.begin()

    async def run(self, stop: asyncio.Event) -> None:
        """Publishes until stopped; without an entry it only waits for one."""
        await self._loops.run(stop)

    async def _publish(self, relay: EventRelay, stop: asyncio.Event) -> None:
        name = f"events to {relay.subscription.name}"
        await supervise(name, relay.run, _BACKOFF, stop=stop, observer=self._observer)


async def _close(relay: EventRelay) -> None:
    try:
        await relay.publisher.close()
    except Exception as error:  # noqa: BLE001 - it is out of use whatever its library says
        log.warning("sink_not_closed", sink=relay.subscription.name, error=in_words(error))
