"""Filters of a poll: the changes that it requests, and the cursor of the next one. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from connectors.definition.bodies import body_entry
from connectors.definition.cursors import Cursor as CursorKind
from connectors.definition.cursors import SyncTokenCursor, UpdatedAtCursor
from connectors.definition.placeholders import fill
from connectors.times import read_time, write_time, written_twice
from connectors.values import Cursor, Window
from models.times import iso

CLOCK_DOUBT = timedelta(minutes=10)
"""The time by which our clock may be ahead of a vendor whose answers have no `Date`."""

_TICK = timedelta(milliseconds=1)


class ChangeFilter(msgspec.Struct, frozen=True):
    """The parameters of a poll's requests besides the list's own."""

    query: Mapping[str, str]
    body: Mapping[str, Any]


NO_FILTER = ChangeFilter({}, {})


def change_filter(
    kind: CursorKind | None, window: Window, *, now: datetime, zone: tzinfo = UTC
) -> ChangeFilter:
    """Returns the parameters that select records changed since the window's cursor.

    `zone` is the one in which the vendor reads moments without a zone.
    """
    if window.cursor is None:
        return NO_FILTER
    match kind:
        case UpdatedAtCursor():
            return _since(kind, window, now, zone)
        case SyncTokenCursor():
            token = window.cursor["token"]
            if kind.send_in == "body":
                return ChangeFilter({}, body_entry(kind.parameter, token))
            return ChangeFilter({kind.parameter: token}, {})
    return NO_FILTER


def _since(kind: UpdatedAtCursor, window: Window, now: datetime, zone: tzinfo) -> ChangeFilter:
    since = read_time((window.cursor or {}).get("updated_at"))
    if since is None:
        return NO_FILTER
    since -= window.overlap
    if not kind.inclusive:
        since -= _unit(kind.format)
    # A time that clocks show twice may be read as the later one, which would pass over changes.
    since -= written_twice(since, zone)
    bounds = {
        "from": write_time(since, kind.format, zone),
        "to": write_time(now, kind.format, zone),
    }
    query: Any = fill(kind.query, bounds.get)
    body: Any = fill(kind.body, bounds.get)
    return ChangeFilter(query, body)


def _unit(format_name: str) -> timedelta:
    """The smallest step a format can express: an exclusive bound has to start one earlier."""
    if format_name in {"iso", "epoch_ms", "json_date"}:
        return _TICK
    return timedelta(days=1) if format_name == "date" else timedelta(seconds=1)


def next_cursor(
    kind: CursorKind | None,
    window: Window,
    *,
    seen: datetime | None,
    started: datetime,
    token: object,
) -> Cursor | None:
    """Returns the cursor to store once a whole walk is durable; None when there is no newer one.

    Records may change during the walk, so the cursor never passes the moment at which
    the vendor began to answer.
    """
    if isinstance(kind, SyncTokenCursor):
        return {"token": token} if token and token != (window.cursor or {}).get("token") else None
    if not isinstance(kind, UpdatedAtCursor):
        return None
    old = read_time((window.cursor or {}).get("updated_at"))
    if kind.field is None:
        seen = started
    if seen is None:
        return None if old is not None else {"updated_at": iso(started)}
    reached = min(seen, started)
    return {"updated_at": iso(reached)} if old is None or reached > old else None
