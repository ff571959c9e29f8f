"""Pages of rows, the latest first, each of which goes on where the last one ended."""

from datetime import datetime
from typing import Any

import msgspec
from pymongo import DESCENDING

from daemon.store.connection import Row


class RowPosition(msgspec.Struct, frozen=True):
    """The end of a page: the value of its last row, and how many rows with that value were shown.

    Rows that share a value come in the order of the index. A row that is written later with a value
    of the past is the only one that may come twice or not at all.
    """

    value: datetime | str
    shown: int


class RowPage(msgspec.Struct, frozen=True):
    """Some rows, and the position after them; None after the last row."""

    rows: list[Row]
    next: RowPosition | None


def given(**conditions: object) -> Row:
    """Returns a query for rows that meet all conditions; those that are None are left out."""
    return {name: value for name, value in conditions.items() if value is not None}


async def page_of(
    collection: Any,
    query: Row,
    *,
    by: str,
    limit: int,
    after: RowPosition | None = None,
    without: tuple[str, ...] = (),
) -> RowPage:
    """Returns a page in descending order of the field `by`, which every row has."""
    skipped = 0
    if after is not None:
        query = {"$and": [query, {by: {"$lte": after.value}}]}
        skipped = after.shown
    found = collection.find(
        query,
        dict.fromkeys(without, 0) or None,
        sort=[(by, DESCENDING)],
        skip=skipped,
        limit=limit + 1,
    )
    rows = await found.to_list()
    if len(rows) <= limit:
        return RowPage(rows, None)
    rows = rows[:limit]
    last = rows[-1][by]
    shown = sum(1 for row in rows if row[by] == last)
    if after is not None and after.value == last:
        shown += after.shown
    return RowPage(rows, RowPosition(last, shown))
