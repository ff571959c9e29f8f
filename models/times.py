"""UTC and nothing else; MongoDB keeps milliseconds, so values are cut before they are compared."""

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """The present moment in UTC, cut to milliseconds."""
    return to_milliseconds(datetime.now(UTC))


def to_milliseconds(moment: datetime) -> datetime:
    """The same moment in UTC as MongoDB will return it.

    Raises:
        ValueError: the moment carries no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be compared")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    surplus = utc.microsecond % 1000
    return utc.replace(microsecond=utc.microsecond - surplus) if surplus else utc


def iso(moment: datetime) -> str:
    """ISO 8601 with milliseconds and a final Z."""
    return to_milliseconds(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")
