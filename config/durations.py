"""Durations in their written form: `90s`, `5m`, `24h`, `7d`."""

import re
from datetime import timedelta

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_BARE_NUMBER = re.compile(r"[0-9]+")
_LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """Returns the duration of a text such as `90s`, `5m`, `24h`, `7d` or `250ms`.

    Raises:
        ValueError: the text has another form; the message says what is missing.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(_why_not(text.strip()))
    amount, unit = int(match[1]), match[2]
    if amount > _LONGEST // _UNITS[unit]:
        raise ValueError("must not be longer than 3650d")
    return amount * _UNITS[unit]


def format_duration(duration: timedelta) -> str:
    """Returns the shortest text that `parse_duration` reads back as the same duration.

    Parts below a millisecond are cut.

    Raises:
        ValueError: the duration is negative.
    """
    if duration < timedelta(0):
        raise ValueError("a duration cannot be negative")
    for unit in ("d", "h", "m", "s"):
        if duration and duration % _UNITS[unit] == timedelta(0):
            return f"{duration // _UNITS[unit]}{unit}"
    milliseconds = duration // _UNITS["ms"]
    return f"{milliseconds}ms" if milliseconds else "0s"


def _why_not(text: str) -> str:
    if _BARE_NUMBER.fullmatch(text):
        return "must be a duration with a unit, such as 90s, 5m, 24h or 7d; the unit is missing"
    return "must be a duration: one whole number and a unit, such as 90s, 5m, 24h or 7d"
