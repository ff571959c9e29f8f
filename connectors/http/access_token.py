"""Keeps an access token fresh: one renewal at a time, early, and harmless where it fails early."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.clock import ConnectorClock
from connectors.http.client import Answer, Outgoing

SendToken = Callable[[Outgoing], Awaitable[Answer]]
EARLY = timedelta(seconds=60)
RETRY_EARLY = timedelta(seconds=10)
"""The pause after a renewal that failed early."""
FINISH_S = 2.0
"""The seconds that the end of a connector waits for a renewal under way."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and its life time."""

    value: str = field(repr=False)
    renew_at: datetime
    ends: datetime | None
    """None: not known, so that it is used until the vendor refuses it."""


@dataclass(frozen=True, slots=True)
class HeldToken:
    """The present token."""

    value: str = field(repr=False)
    version: int
    warning: str | None = None
    """For people; given once."""


Fetch = Callable[[SendToken], Awaitable[AccessToken]]


def early_by(life: timedelta) -> timedelta:
    """Returns the time before its end at which a token is renewed, at most a fifth of its life."""
    return min(EARLY, life / 5)


class TokenRenewal:
    """Holds one token. Who needs one while it is fetched waits for that very fetch.

    A fetch is a task of its own: a request that is cancelled does not take with it what the vendor
    has already given.
    """

    def __init__(self, fetch: Fetch, clock: ConnectorClock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: AccessToken | None = None
        self._version = 0
        self._task: asyncio.Task[AccessToken] | None = None
        self._sender: SendToken | None = None
        self._early_again: datetime | None = None
        self._warning: str | None = None

    async def current(self, send: SendToken) -> HeldToken:
        """A token that has not ended; one that will soon is renewed beside the work.

        Raises:
            AtsError: there is none, and none can be fetched.
        """
        token = self._token
        if token is None or self._has_ended(token):
            token = await self._renewed(send)
        elif self._is_due(token):
            self._start(send)
        warning, self._warning = self._warning, None
        return HeldToken(token.value, self._version, warning)

    def refused(self, version: int) -> None:
        """Drop the token that the vendor refused, unless it has been replaced already."""
        if version == self._version:
            self._token = None

    async def finish(self, sender: SendToken) -> None:
        """Wait a moment for a renewal of this sender, so that its outcome is stored."""
        task = self._task
        if task is None or self._sender != sender:
            return
        await asyncio.wait({task}, timeout=FINISH_S)
        task.cancel()
        await asyncio.wait({task}, timeout=FINISH_S)

    def _has_ended(self, token: AccessToken) -> bool:
        return token.ends is not None and self._clock.now() >= token.ends

    def _is_due(self, token: AccessToken) -> bool:
        now = self._clock.now()
        again = self._early_again
        return now >= token.renew_at and (again is None or now >= again)

    async def _renewed(self, send: SendToken) -> AccessToken:
        while True:
            task = self._start(send)
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                # The sender of a shared renewal was closed; who waits for it begins another.
                if not task.cancelled() or _is_being_cancelled():
                    raise

    def _start(self, send: SendToken) -> asyncio.Task[AccessToken]:
        if self._task is None or self._task.done():
            self._sender = send
            self._task = asyncio.create_task(self._renew(send), name="token renewal")
            self._task.add_done_callback(self._note_end)
        return self._task

    async def _renew(self, send: SendToken) -> AccessToken:
        token = await self._fetch(send)
        self._token, self._version = token, self._version + 1
        self._early_again = self._warning = None
        return token

    def _note_end(self, task: "asyncio.Task[AccessToken]") -> None:
        if self._task is task:
            self._task = None
        error = None if task.cancelled() else task.exception()
        token = self._token
        if error is None or token is None or self._has_ended(token):
            return
        if self._early_again is None:
            self._warning = _warning(error, token)
        asked: datetime | None = getattr(error, "until", None)
        again = self._clock.now() + RETRY_EARLY
        self._early_again = again if asked is None else max(asked, again)


def _warning(error: BaseException, token: AccessToken) -> str:
    until = "it is refused" if token.ends is None else f"{token.ends:%H:%M:%S} UTC"
    return (
        f"the access token could not be renewed early ({type(error).__name__}: {error}); "
        f"the present one is used until {until}"
    )


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
