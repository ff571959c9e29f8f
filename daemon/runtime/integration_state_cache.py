"""The state of every integration, read from MongoDB once a second for the whole process.

What is news in it wakes a worker: a poll that was requested, a webhook event, a new state.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from daemon.core.integrations import IntegrationState
from daemon.ports.integrations import IntegrationSettingsStore
from daemon.runtime.supervision import stopped_within

EVERY = timedelta(seconds=1)


class StateListener(msgspec.Struct, frozen=True):
    """The callbacks of an integration's worker."""

    wake: Callable[[], None]
    """The integration was resumed, or a poll was requested."""
    webhook_came: Callable[[], None]


class IntegrationStateCache:
    """Keeps the latest states, and calls listeners when an integration has news."""

    def __init__(self, integrations: IntegrationSettingsStore) -> None:
        self._integrations = integrations
        self._states: Mapping[str, IntegrationState] = {}
        self._listeners: dict[str, StateListener] = {}

    def state_of(self, name: str) -> IntegrationState | None:
        return self._states.get(name)

    def is_active(self, name: str) -> bool:
        """Returns False while the integration is paused or disabled.

        One whose credential was refused is active: it tries the credential from time to time.
        """
        found = self._states.get(name)
        return found is not None and found.state in ("active", "auth_failed")

    def listen(self, name: str, listener: StateListener) -> None:
        """Registers the one listener of an integration."""
        self._listeners[name] = listener

    async def refresh(self) -> None:
        """Reads the states now."""
        before, self._states = self._states, await self._integrations.states()
        for name, now in self._states.items():
            listener, old = self._listeners.get(name), before.get(name)
            if listener is None:
                continue
            if _is_news(old, now):
                listener.wake()
            if now.webhook_at is not None and (old is None or old.webhook_at != now.webhook_at):
                listener.webhook_came()

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until stopped; a failed read leaves the last known states in force."""
        while not stop.is_set():
            await self.refresh()
            await stopped_within(stop, EVERY)


def _is_news(before: IntegrationState | None, now: IntegrationState) -> bool:
    if now.request is not None and (before is None or before.request != now.request):
        return True
    return before is not None and before.state != now.state and now.state == "active"
