"""Sends a signed webhook event for each change of a simulated account, well or badly on command."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import aiohttp

from connectors.simulator.webhook_events import SIGNERS, Sent, payload_of

LATE = timedelta(hours=1)
MODES = ("once", "twice", "late", "forged", "held", "none")
"""`late` was sent an hour ago, `forged` is signed with another key, `held` waits for `release`."""


class WebhookSender:
    """Posts events one after the other, in the background; a failure is kept and not repeated."""

    def __init__(self, vendor: str, url: str, secret: str) -> None:
        """Sends nothing yet.

        Raises:
            ValueError: the vendor sends no webhooks.
        """
        if vendor not in SIGNERS:
            raise ValueError(f"{vendor} sends no webhooks; these do: {', '.join(sorted(SIGNERS))}")
        self.answers: list[int] = []
        """The HTTP status of each answer; 0 for none."""
        self.held: list[Sent] = []
        self._vendor = vendor
        self._url = url
        self._secret = secret
        self._waiting: asyncio.Queue[Sent] = asyncio.Queue()
        self._posting: asyncio.Task[None] | None = None

    def changed(self, done: Mapping[str, object], mode: str = "once") -> None:
        """Sends the event of a change, if the vendor has one for it.

        Raises:
            ValueError: there is no such mode.
        """
        if mode not in MODES:
            raise ValueError(f"`event` must be one of {', '.join(MODES)}, got {mode!r}")
        sent = None if mode == "none" else self._signed(done, mode)
        if sent is None:
            return
        if mode == "held":
            self.held.append(sent)
        else:
            self._post(*([sent] * (2 if mode == "twice" else 1)))

    def release(self, *, reverse: bool = False) -> int:
        """Sends the events that were held; returns how many."""
        held, self.held = self.held, []
        self._post(*(reversed(held) if reverse else held))
        return len(held)

    async def close(self) -> None:
        if self._posting is not None:
            self._posting.cancel()
            await asyncio.gather(self._posting, return_exceptions=True)
            self._posting = None

    def _signed(self, done: Mapping[str, object], mode: str) -> Sent | None:
        application = done.get("application")
        payload = payload_of(
            self._vendor,
            str(done.get("candidate")),
            None if application is None else str(application),
            deleted=str(done.get("kind")).startswith("delete"),
        )
        if "candidate" not in done or payload is None:
            return None
        secret = f"not {self._secret}" if mode == "forged" else self._secret
        now = datetime.now(UTC)
        return SIGNERS[self._vendor](payload, secret, now - LATE if mode == "late" else now)

    def _post(self, *events: Sent) -> None:
        for event in events:
            self._waiting.put_nowait(event)
        if self._posting is None:
            self._posting = asyncio.create_task(self._run(), name=f"{self._vendor}: webhooks")

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                headers, body = await self._waiting.get()
                try:
                    async with session.post(self._url, data=body, headers=headers) as answer:
                        self.answers.append(answer.status)
                except (aiohttp.ClientError, TimeoutError):
                    self.answers.append(0)
