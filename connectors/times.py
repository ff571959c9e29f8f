"""Moments as vendors write them, read to and written from UTC milliseconds."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from models.times import EPOCH, iso, to_milliseconds

TIME_FORMATS = ("iso", "iso_seconds", "iso_space", "epoch_ms", "epoch_s", "date")
_PATTERNS = {"iso_seconds": "%Y-%m-%dT%H:%M:%SZ", "iso_space": "%Y-%m-%d %H:%M:%S"}
_MS = timedelta(milliseconds=1)
_OUT_OF_RANGE = "the time is out of range"


def is_time_format(value: object) -> bool:
    """True for a named format or a strftime pattern."""
    return isinstance(value, str) and (value in TIME_FORMATS or "%" in value)


def read_time(value: object, format_name: str = "iso") -> datetime | None:
    """The moment, in UTC and whole milliseconds; None where nothing is written.

    Raises:
        ValueError: the value is not a time of this format.
    """
    if value is None or value == "" or _is_zero_date(value):
        return None
    try:
        return _read(value, format_name)
    except OverflowError:
        raise ValueError(_OUT_OF_RANGE) from None
    except TypeError as error:
        raise ValueError(str(error)) from None
    except ValueError:
        # Python's own message quotes the value, which may be a person's data.
        raise ValueError(f"is no time in the format {format_name}") from None


def _is_zero_date(value: object) -> bool:
    """Some databases write a missing date as year, month and day nought."""
    return isinstance(value, str) and value.startswith("0000-00-00")


def _read(value: object, format_name: str) -> datetime:
    if format_name in {"epoch_ms", "epoch_s"}:
        return _from_epoch(value, 1 if format_name == "epoch_ms" else 1000)
    if not isinstance(value, str):
        raise TypeError(f"expected a time as text ({format_name})")
    if "%" in format_name:
        return _utc(datetime.strptime(value, format_name))  # noqa: DTZ007 (the zone is set below)
    return _utc(datetime.fromisoformat(value))


def _from_epoch(value: object, scale: int) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("expected a time as a number")
    number = float(value) if not isinstance(value, int) else value
    return EPOCH + timedelta(milliseconds=int(number * scale))


def _utc(moment: datetime) -> datetime:
    """Vendors that write no zone mean UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return to_milliseconds(moment)


def write_time(moment: datetime, format_name: str = "iso") -> str:
    """The moment as the vendor wants it in a query."""
    if format_name == "iso":
        return iso(moment)
    if format_name == "epoch_ms":
        return str((moment - EPOCH) // _MS)
    if format_name == "epoch_s":
        return str((moment - EPOCH) // _MS // 1000)
    if format_name == "date":
        return moment.astimezone(UTC).strftime("%Y-%m-%d")
    return moment.astimezone(UTC).strftime(_PATTERNS.get(format_name, format_name))


def http_date(text: str | None) -> datetime | None:
    """The moment in a `Date` or `Retry-After` header; None where it holds none."""
    if not text:
        return None
    try:
        return _utc(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def worth_reading(values: Sequence[object]) -> Iterable[object]:
    """Of many times those among which the latest is.

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
