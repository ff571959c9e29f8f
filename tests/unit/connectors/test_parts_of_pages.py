"""A large page comes in parts; only the last one has its position and its end."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from connectors.read.page_iterator import parts_of
from connectors.values import Page, RawRecord

STAMP = datetime(2026, 11, 30, tzinfo=UTC)


@given(st.integers(0, 40), st.integers(1, 12), st.booleans())
def test_parts_have_all_records_in_order_and_the_last_one_has_the_end(
    count: int, most: int, last: bool
) -> None:
    records = [RawRecord(str(n), b"{}", None) for n in range(count)]
    cursor = {"since": STAMP} if last else None
    page = Page(
        records,
        None if last else {"page": 2},
        last=last,
        next_cursor=cursor,
        complete=last,
        expected_total=count,
    )

    *continued, end = parts_of(page, most)

    assert [record for part in (*continued, end) for record in part.records] == records
    assert all(len(part.records) == most for part in continued)
    assert len(end.records) <= most
    assert end.records or not records
    assert all(part.is_continued and part.expected_total == count for part in continued)
    assert not any(part.position or part.last or part.next_cursor for part in continued)
    assert (end.position, end.last, end.next_cursor) == (page.position, last, cursor)
    assert not end.is_continued
