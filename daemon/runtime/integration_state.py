"""What operators and the daemon last said about each integration, read once a second for all."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from daemon.runtime.supervision import stopped_within
from daemon.store.integrations import MongoIntegrations, Standing

EVERY = timedelta(seconds=1)


class IntegrationStateCache:
    """The state of every integration; whoever listens is told of changes and of requests."""

    def __init__(self, integrations: MongoIntegrations) -> None:
        self._integrations = integrations
        self._standings: dict[str, Standing] = {}
        self._listeners: dict[str, Callable[[], None]] = {}

    def standing(self, name: str) -> Standing | None:
        return self._standings.get(name)

    def is_active(self, name: str) -> bool:
        """False while the integration is paused or disabled; a refused credential still probes."""
        found = self._standings.get(name)
        return found is not None and found.state in ("active", "auth_failed")

    def listen(self, name: str, on_change: Callable[[], None]) -> None:
        """Call this whenever the integration is resumed, or someone asks for a poll."""
        self._listeners[name] = on_change

    async def refresh(self) -> None:
        """Read the states now."""
        before, self._standings = self._standings, await self._integrations.standings()
        for name, now in self._standings.items():
            if name in self._listeners and _is_news(before.get(name), now):
                self._listeners[name]()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep reading until stopped; while it cannot read, the last known states hold."""
        while not stop.is_set():
            await self.refresh()
            await stopped_within(stop, EVERY)

    @property
    def standings(self) -> Mapping[str, Standing]:
        return dict(self._standings)


def _is_news(before: Standing | None, now: Standing) -> bool:
    if now.request is not None and (before is None or before.request != now.request):
        return True
    return before is not None and before.state != now.state and now.state == "active"
