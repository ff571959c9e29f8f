"""What a mute covers, and when it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.mutes import Mute, mute_end, muted_until

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("what", "covered"),
    [
        ("acme", True),
        ("integration_failing", True),
        ("integration_failing:acme", True),
        ("integration_failing:acme:push", True),
        ("integration_failing:acme:pu", False),
        ("integration_failing:ac", False),
        ("integration", False),
        ("push", False),
        ("beta", False),
    ],
)
def test_a_mute_covers_an_integration_or_the_beginning_of_a_key(what: str, covered: bool) -> None:
    assert Mute(what, NOW).covers("integration_failing:acme:push", "acme") is covered


def test_the_last_mute_that_covers_it_counts() -> None:
    mutes = [
        Mute("acme", NOW + HOUR),
        Mute("auth_refused", NOW + 2 * HOUR),
        Mute("b", NOW + 3 * HOUR),
    ]

    assert muted_until(mutes, "auth_refused:acme", "acme") == NOW + 2 * HOUR
    assert muted_until(mutes, "stream_position_lost", None) is None


def test_a_mute_ends_after_a_while_or_at_a_moment() -> None:
    assert mute_end("90m", None, now=NOW) == NOW + 1.5 * HOUR
    assert mute_end(None, "2026-03-02T11:00:00+01:00", now=NOW) == NOW + HOUR


@pytest.mark.parametrize(
    ("lasts", "until", "reason"),
    [
        (None, None, "give one of"),
        ("2h", "2026-03-02T10:00:00Z", "give one of"),
        (7, None, "give one of"),
        ("2 hours", None, "for must be a duration"),
        ("0s", None, "in the future"),
        (None, "2026-03-02T09:00:00Z", "in the future"),
        (None, "2026-03-02T10:00:00", "with its zone"),
        (None, "tomorrow", "with its zone"),
        (None, "9999-12-31T23:59:59-12:00", "with its zone"),
    ],
)
def test_an_end_that_cannot_be_is_refused(lasts: object, until: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mute_end(lasts, until, now=NOW)
