"""Cursors of the API: opaque, and refused if they were changed."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import msgspec

from daemon.http.answers import Problem
from daemon.http.operations import Moment
from daemon.store.row_pages import RowPosition

Shown = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class _Moments(msgspec.Struct, array_like=True):
    value: Moment
    shown: Shown


class _Texts(msgspec.Struct, array_like=True):
    value: str
    shown: Shown


def cursor_of(position: RowPosition | None) -> str | None:
    """Returns the text by which a client asks for the next page."""
    if position is None:
        return None
    return urlsafe_b64encode(msgspec.json.encode((position.value, position.shown))).decode()


def moment_position(cursor: str | None) -> RowPosition | None:
    """Returns the position that a cursor names in rows in the order of a time.

    Raises:
        Problem: 400, it is no cursor of such rows.
    """
    return None if cursor is None else _position(cursor, _Moments)


def text_position(cursor: str | None) -> RowPosition | None:
    """Returns the position that a cursor names in rows in the order of a text.

    Raises:
        Problem: 400, it is no cursor of such rows.
    """
    return None if cursor is None else _position(cursor, _Texts)


def _position(cursor: str, kind: type[_Moments] | type[_Texts]) -> RowPosition:
    try:
        found = msgspec.json.decode(urlsafe_b64decode(cursor.encode()), type=kind)
    except ValueError:
        raise Problem(400, "cursor must be `next` of an answer of this list") from None
    return RowPosition(found.value, found.shown)
