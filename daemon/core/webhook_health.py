"""The health of an integration's webhooks, which decides how often it is polled. Pure.

A gap is a poll that finds a changed record which no event had announced since the poll before began,
or an event that was refused since then. Either says that events may be missing, so that polls alone
can be relied on. Webhooks are healthy from the first poll without a gap that an accepted event
precedes: one that came after the latest gap, if there was any.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec

Record = tuple[str, str]
"""A list and the external id of one of its records."""


class WebhookNews(msgspec.Struct, frozen=True):
    """The events of an integration since a moment."""

    announced: Collection[Record] = frozenset()
    received_at: datetime | None = None
    """The newest event that was accepted and names a record, however old."""
    refused_at: datetime | None = None
    """The newest event that was refused, however old."""


class WebhookHealth(msgspec.Struct, frozen=True):
    """The judgement of the latest complete poll."""

    polled_at: datetime | None = None
    """When that poll began."""
    gap_at: datetime | None = None
    """When the latest poll began that found a gap."""
    healthy: bool = False

    def after_poll(
        self, began_at: datetime, changed: Collection[Record], news: WebhookNews
    ) -> "WebhookHealth":
        """Returns the judgement of a complete poll; `changed` are the records that its lists showed
        changed or gone. `news` are the events since the poll before.
        """
        if is_gap(changed, news) or is_refused_since(self.polled_at, news.refused_at):
            return WebhookHealth(polled_at=began_at, gap_at=began_at)
        received = news.received_at
        proved = received is not None and (self.gap_at is None or received > self.gap_at)
        return WebhookHealth(polled_at=began_at, gap_at=self.gap_at, healthy=proved)


def is_gap(changed: Collection[Record], news: WebhookNews) -> bool:
    """Returns True if a poll found a change that no event had announced."""
    return any(record not in news.announced for record in changed)


def is_refused_since(moment: datetime | None, refused_at: datetime | None) -> bool:
    """Returns True if an event was refused at that moment or later; None is the beginning."""
    return refused_at is not None and (moment is None or refused_at >= moment)


def is_poll_due(waited: timedelta, *, every: timedelta, every_with_webhooks: timedelta) -> bool:
    """Returns True if healthy webhooks have put off the poll for long enough.

    A poll is decided on once in `every`, with some jitter: the last decision before the time is up
    may come a moment too early.
    """
    return waited + every / 2 >= every_with_webhooks
