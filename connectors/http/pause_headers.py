"""Headers that say when to ask again, as vendors and services write them. Pure.

How long requests then wait is decided in `connectors.http.rate_limits`; headers that count what is left
of a limit are read in `connectors.http.limiters`.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from connectors.times import http_date

_EARLIEST_EPOCH_S = 1e9
_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,18}(\.[0-9]{1,18})?\s*")


def requested_pause(headers: Mapping[str, str], name: str, wall: datetime) -> float | None:
    """Returns the seconds that a header says to wait; None if it says none, or cannot be read.

    It may be given as seconds, as a date, or as the moment in seconds or milliseconds since 1970.
    0.0 is for none, negative ones and the past: that is no hint when to try again.
    """
    text = headers.get(name)
    if text is None:
        return None
    present = http_date(headers.get("Date")) or wall
    number = number_of(headers, name)
    if number is not None:
        return max(0.0, seconds_from(number, present))
    moment = http_date(text)
    return None if moment is None else max(0.0, (moment - present).total_seconds())


def seconds_from(number: float, present: datetime) -> float:
    """Returns the seconds that a number means. No ATS sets a pause of years: so large a one is a moment."""
    if number < _EARLIEST_EPOCH_S:
        return number
    epoch_s = number / 1000 if number >= _EARLIEST_EPOCH_S * 1000 else number
    return epoch_s - present.timestamp()


def number_of(headers: Mapping[str, str], name: str | None) -> float | None:
    """A finite number; any other text of the header is no number."""
    text = headers.get(name, "") if name is not None else ""
    return float(text) if _NUMBER.fullmatch(text) else None
