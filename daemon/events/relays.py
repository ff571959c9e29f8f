"""The relays of all sinks in force: each in a task of its own, begun and ended as the file is edited."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from config.operator_events import EventsToHttp, EventsToRabbitMq
from daemon.core.runs import in_words
from daemon.events.relay import EventRelay
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


@dataclass(slots=True)
class _RunningRelay:
    relay: EventRelay
    task: asyncio.Task[None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class EventRelays:
    """One relay for each entry of `events`."""

    def __init__(self, make: Make, entries: Sequence[Entry], observer: LoopObserver) -> None:
        self._make = make
        self._observer = observer
        self._by_entry: Pairs = []
        self._changed = asyncio.Event()
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
        self._changed.set()

    async def begin(self) -> None:
        """Stores a first position for each that has none, before anything is logged."""
        for relay in self.in_force:
            await relay.begin()

    async def run(self, stop: asyncio.Event) -> None:
        """Publishes until stopped; without an entry it only waits for one."""
        running: list[_RunningRelay] = []
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(self._notice(stop), name="events:stop")
            while not stop.is_set():
                self._changed.clear()
                running = await self._serve(running, tasks)
                await self._changed.wait()
            await asyncio.gather(*map(_end, running))
            stopping.cancel()

    async def _notice(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._changed.set()

    async def _serve(
        self, before: list[_RunningRelay], tasks: asyncio.TaskGroup
    ) -> list[_RunningRelay]:
        """Runs exactly the relays in force. One that is left out ends before its successor begins."""
        wanted = self.in_force
        for one in before:
            if one.relay not in wanted:
                await _end(one)
        kept = [one for one in before if one.relay in wanted]
        known = [one.relay for one in kept]
        return kept + [self._begin(relay, tasks) for relay in wanted if relay not in known]

    def _begin(self, relay: EventRelay, tasks: asyncio.TaskGroup) -> _RunningRelay:
        stop, name = asyncio.Event(), f"events to {relay.subscription.name}"
        work = supervise(name, relay.run, _BACKOFF, stop=stop, observer=self._observer)
        return _RunningRelay(relay, tasks.create_task(work, name=name), stop)


async def _end(one: _RunningRelay) -> None:
    one.stop.set()
    await asyncio.wait([one.task])
    try:
        await one.relay.publisher.close()
    except Exception as error:  # noqa: BLE001 - it is out of use whatever its library says
        log.warning("sink_not_closed", sink=one.relay.subscription.name, error=in_words(error))
