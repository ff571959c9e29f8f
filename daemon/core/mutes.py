"""Mutes: conditions that send no message for a while, open or not. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from config.durations import parse_duration
from models.times import to_milliseconds


class Mute(msgspec.Struct, frozen=True):
    """Silence about some conditions, up to a moment."""

    what: str
    """An integration's name, or an alert's key, or the beginning of one up to a colon."""
    until: datetime

    def covers(self, key: str, integration: str | None) -> bool:
        """True if it mutes the condition of this key."""
        return self.what in (key, integration) or key.startswith(f"{self.what}:")


def muted_until(mutes: Iterable[Mute], key: str, integration: str | None) -> datetime | None:
    """Returns the latest end of the mutes that cover a condition; None if none does."""
    return max((m.until for m in mutes if m.covers(key, integration)), default=None)


def mute_end(lasts: object, until: object, *, now: datetime) -> datetime:
    """Returns the end of a mute that lasts a duration, or until a moment.

    Raises:
        ValueError: neither or both are given, or the end is unreadable or past.
    """
    match lasts, until:
        case str(), None:
            end = now + _duration(lasts)
        case None, str():
            end = _moment(until)
        case _:
            raise ValueError(
                "give one of: for how long, such as 2h; until when, such as 2026-11-23T08:00:00Z"
            )
    if end <= now:
        raise ValueError("a mute must end in the future")
    return end


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f"for {error}") from None


def _moment(text: str) -> datetime:
    try:
        return to_milliseconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError(
            "until must be a moment with its zone, such as 2026-11-23T08:00:00Z"
        ) from None
