"""Cursors of the API: opaque, and refused if they were changed."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

import msgspec

from daemon.http.answers import Problem
from daemon.http.operations import Moment
from daemon.store.row_pages import RowPosition

_Shown = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
BY_MOMENT: Any = tuple[Moment, _Shown]
BY_TEXT: Any = tuple[str, _Shown]
"""The content of cursors in rows in the order of a time, and in that of a text."""


def cursor_of(position: RowPosition | None) -> str | None:
    """Returns the text by which a client asks for the next page."""
    if position is None:
        return None
    return urlsafe_b64encode(msgspec.json.encode((position.value, position.shown))).decode()


def position_of(cursor: str | None, kind: Any) -> RowPosition | None:
    """Returns the position that a cursor names in rows of this order.

    Raises:
        Problem: 400, it is no cursor of such rows.
    """
    if cursor is None:
        return None
    try:
        return RowPosition(*msgspec.json.decode(urlsafe_b64decode(cursor.encode()), type=kind))
    except ValueError:
        raise Problem(400, "cursor must be `next` of an answer of this list") from None
