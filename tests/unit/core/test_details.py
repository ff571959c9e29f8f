"""What details give of a record stays until a detail says otherwise, and is read when it is stale."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.details import (
    Pace,
    basis_of,
    memory_of,
    with_details,
    with_known_details,
    without_details,
)
from daemon.core.record_change import compare
from daemon.core.snapshot import Snapshot
from tests.support.records import empty_application, empty_candidate

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
FIELDS = ("candidate.tags", "candidate.custom_fields", "candidate.attachments")
words = st.sampled_from(["a", "b", "c", "d"])
answers = st.dictionaries(words, st.integers(0, 3))
file_ids = st.lists(words, unique=True)


def a_record(
    external_id: str = "1", *, changed_at: datetime | None = AT, **fields: Any
) -> Snapshot:
    candidate: dict[str, Any] = {**empty_candidate("p"), **fields}
    candidate["external_updated_at"] = changed_at
    application = empty_application(external_id, "p")
    return Snapshot(external_id, b"f", b"d", candidate, [application], "1", AT)


def files(ids: Sequence[str]) -> list[dict[str, Any]]:
    return [{"external_id": each, "name": each, "kind": None, "url": None} for each in ids]


def listed(
    after: Snapshot, before: Snapshot | None, *, siblings: Sequence[Snapshot] = ()
) -> Snapshot:
    base = before or next(iter(siblings), None)
    return with_known_details(
        after,
        before,
        fields=FIELDS,
        version="1",
        candidate_base=None if base is None else base.candidate,
        siblings=siblings,
    )


def detailed(
    before: Snapshot,
    custom: dict[str, Any],
    attached: Sequence[str],
    *,
    base: Snapshot | None = None,
    siblings: Sequence[Snapshot] = (),
) -> Snapshot:
    read = {
        "candidate": {"tags": [], "custom_fields": custom, "attachments": files(attached)},
        "application": {},
    }
    return with_details(
        before,
        read,
        version="1",
        candidate_base=(base or before).candidate,
        siblings=siblings,
        own_field="ours",
        at=AT + timedelta(hours=1),
    )


def given_by(record: Snapshot) -> tuple[dict[str, Any], set[str]]:
    assert record.candidate is not None
    custom = dict(record.candidate["custom_fields"])
    return custom, {each["external_id"] for each in record.candidate["attachments"]}


@given(custom=answers, attached=file_ids)
def test_a_record_that_is_listed_again_keeps_what_its_details_gave(
    custom: dict[str, int], attached: list[str]
) -> None:
    first = listed(a_record(), None)
    complete = detailed(first, custom, attached)

    again = listed(a_record(first_name="Renamed"), complete)

    assert given_by(again) == (custom, set(attached))
    assert again.detail_due_at is None
    paths = [
        c.path
        for c in compare(again, complete, candidate_base=complete.candidate).candidate_changes
    ]
    assert paths == ["first_name"]


@given(first=answers, then=answers, some=file_ids, others=file_ids)
def test_the_details_that_were_read_last_are_all_there_is(
    first: dict[str, int], then: dict[str, int], some: list[str], others: list[str]
) -> None:
    record = detailed(detailed(listed(a_record(), None), first, some), then, others)

    assert given_by(record) == (then, set(others))


@given(one=answers, other=answers, some=file_ids, others=file_ids, again=file_ids)
def test_two_records_of_one_person_take_nothing_from_each_other(
    one: dict[str, int],
    other: dict[str, int],
    some: list[str],
    others: list[str],
    again: list[str],
) -> None:
    first = detailed(listed(a_record("1"), None), one, some)
    second = listed(a_record("2"), None, siblings=[first])
    second = detailed(second, other, others, base=first, siblings=[first])
    both = given_by(second)

    changed = detailed(first, one, again, base=second, siblings=[second])

    assert both[0].keys() == one.keys() | other.keys()
    assert both[1] == set(some) | set(others)
    assert given_by(changed)[1] == set(again) | set(others)


@given(known=st.booleans(), moved=st.booleans(), timed=st.booleans())
def test_the_change_time_or_else_the_content_decides_if_details_are_stale(
    known: bool, moved: bool, timed: bool
) -> None:
    first = listed(a_record(changed_at=AT if timed else None), None)
    before = detailed(first, {}, []) if known else first
    after = a_record(changed_at=(AT + timedelta(days=moved)) if timed else None)
    if moved and not timed:
        after = replace(after, fingerprint=b"another")

    due = listed(after, before).detail_due_at is not None

    assert due is (not known or moved)


def test_content_that_changes_under_the_same_change_time_makes_no_detail_stale() -> None:
    before = detailed(listed(a_record(), None), {}, [])

    after = listed(replace(a_record(), fingerprint=b"another"), before)

    assert after.detail_due_at is None
    assert basis_of(after) == AT


def test_another_version_of_what_is_read_makes_every_detail_stale() -> None:
    before = replace(detailed(listed(a_record(), None), {}, []))
    after = with_known_details(
        a_record(), before, fields=FIELDS, version="2", candidate_base=before.candidate
    )

    assert after.detail_due_at == AT


def test_a_record_without_details_any_more_waits_no_longer_and_keeps_what_it_has() -> None:
    before = detailed(listed(a_record(), None), {"a": 1}, ["f"])

    after = without_details(replace(before, detail_due_at=AT), version="1", at=AT)

    assert given_by(after) == ({"a": 1}, {"f"})
    assert after.detail_due_at is None


def test_our_own_value_in_a_detail_is_none_of_the_record() -> None:
    record = detailed(listed(a_record(), None), {"ours": "7", "a": 1}, [])

    memory = memory_of(record)

    assert given_by(record)[0] == {"a": 1}
    assert memory is not None
    assert memory.keys["candidate"] == {"a"}


@given(first=answers, then=answers, other=answers)
def test_each_application_of_a_record_has_the_details_of_its_own(
    first: dict[str, int], then: dict[str, int], other: dict[str, int]
) -> None:
    both = [empty_application(key, "p") for key in ("a", "b")]
    record = replace(a_record(), applications=both)

    def read(before: Snapshot, **custom: dict[str, int]) -> Snapshot:
        return with_details(
            before,
            {"candidate": {}, "application": {}},
            of_applications={key: {"custom_fields": each} for key, each in custom.items()},
            version="1",
            candidate_base=before.candidate,
            own_field=None,
            at=AT,
        )

    def shown(after: Snapshot) -> list[dict[str, int]]:
        return [each["custom_fields"] for each in after.applications]

    complete = read(read(record, a=first, b=other), a=then, b=other)
    listed_again = with_known_details(
        replace(record, detail=None),
        complete,
        fields=["application.custom_fields"],
        version="1",
        candidate_base=complete.candidate,
    )

    assert shown(complete) == [then, other]
    assert shown(listed_again) == [then, other]
    assert shown(read(complete, b={})) == [then, {}]


@given(size=st.integers(1, 250), seconds=st.floats(0, 1000))
def test_batches_take_about_the_wanted_time(size: int, seconds: float) -> None:
    following = Pace().after(size, seconds).records

    assert 1 <= following <= min(250, size * 2)
    if following > 1:
        assert following * seconds / size <= 2.0 + 1e-6 or seconds < 0.001


def test_a_batch_that_gives_way_again_and_again_is_waited_for_longer_until_one_is_read() -> None:
    """Polls that are always due do not keep the details of a slow ATS from being read."""
    pace = Pace(8)
    turns = []
    for _ in range(7):
        turns.append((pace.records, pace.patience_s))
        pace = pace.after_giving_way()

    assert turns == [(8, 2.0), (4, 4.0), (2, 8.0), (1, 16.0), (1, 32.0), (1, 60.0), (1, 60.0)]
    assert pace.after(1, 50.0) == Pace()
