"""Webhooks are relied on only after they were seen to announce what polls find."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from daemon.core.webhook_health import Record, WebhookHealth, WebhookNews

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
R1, R2 = ("people", "1"), ("people", "2")


def polled(
    before: WebhookHealth,
    minute: int,
    *,
    changed: Collection[Record] = (),
    announced: Collection[Record] = (),
    received: int | None = None,
    refused: int | None = None,
) -> WebhookHealth:
    """A poll in that minute; the latest events came in the minutes `received` and `refused`."""
    at = [None if m is None else START + m * MINUTE for m in (received, refused)]
    return before.after_poll(START + minute * MINUTE, changed, WebhookNews(announced, *at))


def test_webhooks_without_a_single_event_are_not_relied_on() -> None:
    assert not polled(polled(WebhookHealth(), 0), 5).healthy


def test_an_event_and_a_poll_without_a_gap_make_webhooks_healthy() -> None:
    first = polled(WebhookHealth(), 0, changed=[R1])

    assert not first.healthy
    assert polled(first, 5, received=3).healthy
    assert polled(first, 5, received=3, changed=[R1], announced=[R1, R2]).healthy


def test_they_stay_healthy_while_nothing_happens() -> None:
    health = polled(WebhookHealth(), 5, received=3)

    assert polled(polled(health, 10, received=3), 15, received=3).healthy


def test_a_change_that_no_event_announced_is_a_gap() -> None:
    health = polled(WebhookHealth(), 5, received=3)
    gap = polled(health, 10, received=9, changed=[R1, R2], announced=[R1])

    assert not gap.healthy
    assert gap.gap_at == START + 10 * MINUTE


def test_a_refused_event_is_a_gap_until_the_poll_after_it() -> None:
    health = polled(WebhookHealth(), 5, received=3)
    gap = polled(health, 10, received=9, refused=8)

    assert not gap.healthy
    assert polled(gap, 15, received=12, refused=8).healthy


def test_after_a_gap_only_a_later_event_is_a_proof() -> None:
    gap = polled(WebhookHealth(), 10, received=9, changed=[R1])
    quiet = polled(gap, 15, received=9)

    assert not quiet.healthy
    assert polled(quiet, 20, received=17).healthy
