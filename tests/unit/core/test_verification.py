"""What counts as drift when three sides are compared."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.verification import Drift, Held, Remembered, Said, compare_record
from models.status import ApplicationStatus
from tests.support.records import empty_application, empty_candidate

FIELDS = ("first_name", "company", "title")
values = st.sampled_from(["a", "b", None])
statuses = st.sampled_from(list(ApplicationStatus))


def a_candidate(**fields: Any) -> dict[str, Any]:
    return {**empty_candidate("1"), **fields}


def an_application(status: str) -> dict[str, Any]:
    return {**empty_application("1", "1"), "status": status}


def differences(
    *,
    ats: Mapping[str, Any],
    snapshot: Mapping[str, Any],
    clearview: Mapping[str, Any],
    statuses: tuple[str, str, str] = ("new", "new", "new"),
    waits: bool = False,
) -> list[Drift]:
    said, remembered, held = (an_application(status) for status in statuses)
    pending = frozenset({"1"}) if waits else frozenset()
    return list(
        compare_record(
            Said("1", "people", ats, {"1": said}),
            Remembered(snapshot, {"1": remembered}, deleted=False),
            Held({"1": clearview}, {"1": held}, pending),
        )
    )


@given(values, values, values)
def test_a_candidate_field_is_drift_exactly_where_the_ats_left_the_snapshot(
    ats: str | None, snapshot: str | None, clearview: str | None
) -> None:
    found = differences(
        ats=a_candidate(company=ats),
        snapshot=a_candidate(company=snapshot),
        clearview=a_candidate(company=clearview),
    )

    assert any(item.is_drift for item in found) == (ats != snapshot)
    assert bool(found) == (len({ats, snapshot, clearview}) > 1)
    assert all((i.ats, i.snapshot, i.clearview) == (ats, snapshot, clearview) for i in found)


@given(statuses, statuses, statuses, st.booleans())
def test_a_status_is_drift_wherever_two_sides_differ_and_no_push_explains_it(
    ats: str, snapshot: str, clearview: str, waits: bool
) -> None:
    same = a_candidate()
    found = differences(
        ats=same, snapshot=same, clearview=same, statuses=(ats, snapshot, clearview), waits=waits
    )

    explained = waits and ats == snapshot
    expected = len({ats, snapshot, clearview}) > 1 and not explained
    assert any(item.is_drift for item in found if item.path == "status") == expected


@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_three_equal_sides_have_no_difference(fields: dict[str, Any]) -> None:
    one = a_candidate(**fields)

    assert differences(ats=one, snapshot=one, clearview=one) == []


def test_custom_fields_are_compared_one_by_one() -> None:
    here = a_candidate(custom_fields={"pay": 1, "site": "A"})
    there = a_candidate(custom_fields={"pay": 2, "site": "A"})

    [found] = differences(ats=here, snapshot=here, clearview=there)

    assert (found.path, found.snapshot, found.clearview) == ("custom_fields.pay", 1, 2)


def test_a_signed_url_that_rotates_is_no_drift() -> None:
    def with_url(url: str) -> dict[str, Any]:
        file = {"external_id": "f", "name": "cv", "kind": "resume", "url_expires_at": None}
        return a_candidate(attachments=[{**file, "url": url}])

    old = with_url("https://ats.test/a?signature=1")

    found = differences(ats=with_url("https://ats.test/a?signature=2"), snapshot=old, clearview=old)

    assert found == []


def test_what_fetching_a_file_adds_is_no_edit() -> None:
    shown = {"external_id": "f", "name": "cv", "kind": "resume", "url": None}
    copy = {"file_id": "1", "sha256": "2", "size": 3, "content_type": "application/pdf"}
    ats, clearview = (a_candidate(attachments=[row]) for row in (shown, shown | copy))
    edited = a_candidate(attachments=[shown | copy | {"name": "by hand"}])

    [found] = differences(ats=ats, snapshot=ats, clearview=edited)

    assert differences(ats=ats, snapshot=ats, clearview=clearview) == []
    assert (found.kind, found.path) == ("local edit", "attachments")


def test_a_candidate_of_a_later_record_is_compared_with_that() -> None:
    older, newer = a_candidate(company="Old"), a_candidate(company="New")

    found = list(
        compare_record(
            Said("1", "people", older, {}),
            Remembered(older, {}, deleted=False, given=newer),
            Held({"1": newer}, {}),
        )
    )

    assert found == []


def test_without_clearview_only_ats_and_snapshot_are_compared() -> None:
    found = list(
        compare_record(
            Said("1", "people", a_candidate(company="New"), {}),
            Remembered(a_candidate(company="Old"), {}, deleted=False),
            None,
        )
    )

    assert [(item.kind, item.path) for item in found] == [("field differs", "company")]


def test_a_snapshot_marked_deleted_of_a_listed_record_is_drift() -> None:
    one = a_candidate()

    found = list(
        compare_record(
            Said("1", "people", one, {}), Remembered(one, {}, deleted=True), Held({"1": one}, {})
        )
    )

    assert [item.kind for item in found] == ["deleted here, present there"]
