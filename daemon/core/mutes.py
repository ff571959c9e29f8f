"""Which conditions a mute keeps quiet, be they open yet or not. Pure."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from config.durations import parse_duration
from models.times import to_milliseconds


class Mute(msgspec.Struct, frozen=True):
    """Silence about some conditions until a moment."""

    what: str
    """An integration's name, or an alert's key, or the beginning of one up to a colon."""
    until: datetime

    def covers(self, key: str, integration: str | None) -> bool:
        """Whether a condition of this key is kept quiet."""
        return self.what in (key, integration) or key.startswith(f"{self.what}:")


def muted_until(mutes: Iterable[Mute], key: str, integration: str | None) -> datetime | None:
    """When the last of the mutes ends that cover a condition; None if none does."""
    return max((m.until for m in mutes if m.covers(key, integration)), default=None)


def mute_end(lasts: object, until: object, *, now: datetime) -> datetime:
    """When a mute ends that shall last a duration, or until a moment.

    Raises:
        ValueError: neither or both are given, or what is given cannot be the end.
    """
    match lasts, until:
        case str(), None:
            end = now + parse_duration(lasts)
        case None, str():
            end = _moment(until)
        case _:
            raise ValueError(
                "give one of: for how long, such as 2h; until when, such as 2026-11-23T08:00:00Z"
            )
    if end <= now:
        raise ValueError("a mute must end in the future")
    return end


def _moment(text: str) -> datetime:
    try:
        return to_milliseconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError(
            "until must be a moment with its zone, such as 2026-11-23T08:00:00Z"
        ) from None
