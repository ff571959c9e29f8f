"""Moments as vendors write them, read to and written from UTC milliseconds."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.times import EPOCH, to_milliseconds

TIME_FORMATS = ("iso", "iso_seconds", "iso_space", "epoch_ms", "epoch_s", "json_date", "date")
_ISO_UNITS = {"iso": "milliseconds", "iso_seconds": "seconds"}
_PATTERNS = {"iso_space": "%Y-%m-%d %H:%M:%S", "date": "%Y-%m-%d"}
_JSON_DATE = re.compile(r"/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/")
"""Milliseconds since 1970, as OData 2 writes moments; the offset after them only says where it was."""
_MS = timedelta(milliseconds=1)
_NONE = timedelta(0)
_OUT_OF_RANGE = "the time is out of range"


def is_time_format(value: object) -> bool:
    """True for a named format or a strftime pattern."""
    return isinstance(value, str) and (value in TIME_FORMATS or "%" in value)


def can_read_time(value: object) -> bool:
    """True for a named format, or a pattern by which a moment that was written can be read again."""
    if not isinstance(value, str) or value in TIME_FORMATS:
        return isinstance(value, str)
    try:
        datetime.strptime(EPOCH.strftime(value), value)  # noqa: DTZ007 (only the pattern is tried)
    except ValueError:
        return False
    return "%" in value


def time_zone(name: str) -> ZoneInfo:
    """The zone of that name.

    Raises:
        ValueError: the IANA database has no such zone.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise ValueError("must be an IANA time zone, such as Europe/Berlin") from None


def read_time(value: object, format_name: str = "iso", zone: tzinfo = UTC) -> datetime | None:
    """The moment, in UTC and whole milliseconds; None where nothing is written.

    `zone` is that of a time without one. An hour that comes twice is taken for the first of them.

    Raises:
        ValueError: the value is not a time of this format.
    """
    # Some databases write a missing date as year, month and day nought.
    if value is None or value == "" or (isinstance(value, str) and value[:10] == "0000-00-00"):
        return None
    try:
        return _read(value, format_name, zone)
    except OverflowError:
        raise ValueError(_OUT_OF_RANGE) from None
    except TypeError as error:
        raise ValueError(str(error)) from None
    except ValueError:
        # Python's own message quotes the value, which may be a person's data.
        raise ValueError(f"is no time in the format {format_name}") from None


def _read(value: object, format_name: str, zone: tzinfo) -> datetime:
    if format_name in {"epoch_ms", "epoch_s"}:
        return _from_epoch(value, 1 if format_name == "epoch_ms" else 1000)
    if not isinstance(value, str):
        raise TypeError(f"expected a time as text ({format_name})")
    if format_name == "json_date":
        found = _JSON_DATE.fullmatch(value)
        if found is None:
            raise ValueError(value)
        return EPOCH + int(found[1]) * _MS
    if "%" in format_name:
        return _utc(datetime.strptime(value, format_name), zone)  # noqa: DTZ007 (set there)
    return _utc(datetime.fromisoformat(value), zone)


def _from_epoch(value: object, scale: int) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("expected a time as a number")
    number = float(value) if not isinstance(value, int) else value
    return EPOCH + timedelta(milliseconds=int(number * scale))


def _utc(moment: datetime, zone: tzinfo) -> datetime:
    """Vendors that write no zone mean UTC, or that of the account."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return to_milliseconds(moment)


def write_time(moment: datetime, format_name: str = "iso", zone: tzinfo = UTC) -> str:
    """The moment as the vendor wants it in a query, by the clocks of a zone."""
    if format_name == "epoch_ms":
        return str((moment - EPOCH) // _MS)
    if format_name == "epoch_s":
        return str((moment - EPOCH) // _MS // 1000)
    if format_name == "json_date":
        return f"/Date({(moment - EPOCH) // _MS})/"
    local = moment.astimezone(zone)
    if format_name in _ISO_UNITS:
        text = local.isoformat(timespec=_ISO_UNITS[format_name])
        return text.removesuffix("+00:00") + "Z" if zone is UTC else text
    return local.strftime(_PATTERNS.get(format_name, format_name))


def written_twice(moment: datetime, zone: tzinfo) -> timedelta:
    """Returns the time after which clocks that are put back show this time again; else zero."""
    local = moment.astimezone(zone)
    first, second = local.replace(fold=0), local.replace(fold=1)
    return (first.utcoffset() or _NONE) - (second.utcoffset() or _NONE) if not local.fold else _NONE


def http_date(text: str | None) -> datetime | None:
    """The moment in a `Date` or `Retry-After` header; None where it holds none."""
    if not text:
        return None
    try:
        return _utc(parsedate_to_datetime(text), UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def worth_reading(values: Sequence[object]) -> Iterable[object]:
    """Returns a few of many times, the latest among them.

    ISO times in UTC of one length sort as their texts do, so that of each length one is enough.
    """
    return _latest_of_one_length(values) or _latest_of_each_length(values)


def _latest_of_one_length(values: Sequence[Any]) -> Sequence[object]:
    """The usual page, in a third of the time; nothing where times are written in several ways."""
    try:
        if len(set(map(len, values))) != 1 or any(v[-1] != "Z" or v[4] != "-" for v in values):
            return ()
        return (max(values),)
    except (TypeError, LookupError):
        return ()


def _latest_of_each_length(values: Iterable[object]) -> Iterator[object]:
    latest: dict[int, str] = {}
    for value in values:
        if not (isinstance(value, str) and value[-1:] == "Z" and value[4:5] == "-"):
            yield value
        elif value > latest.get(len(value), ""):
            latest[len(value)] = value
    yield from latest.values()
