"""The diff of canonical records, by its laws."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.diff import CUSTOM, FieldChange, diff_application, diff_candidate, loud
from models.candidate import AtsRef, AttachmentRecord, ContactPointRecord
from models.status import ApplicationStatus
from tests.support.records import empty_application, empty_candidate

words = st.text("abc", max_size=2)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda m: m.replace(microsecond=0))
contacts = st.lists(st.builds(ContactPointRecord, value=words, type=st.none() | words), max_size=2)
attachments = st.lists(
    st.builds(
        AttachmentRecord,
        external_id=words,
        name=words,
        kind=st.none(),
        url=words,
        url_expires_at=st.none() | moments,
    ),
    max_size=2,
)


@st.composite
def candidates(draw: st.DrawFn) -> dict[str, Any]:
    record: dict[str, Any] = dict(empty_candidate("1"))
    record |= {
        "first_name": draw(st.none() | words),
        "emails": draw(contacts),
        "tags": draw(st.lists(words, max_size=2)),
        "custom_fields": draw(st.dictionaries(words, st.none() | st.integers(0, 2), max_size=3)),
        "attachments": draw(attachments),
        "external_updated_at": draw(st.none() | moments),
    }
    return record


@st.composite
def applications(draw: st.DrawFn) -> dict[str, Any]:
    record: dict[str, Any] = dict(empty_application("1", "1"))
    record |= {
        "status": draw(st.sampled_from(ApplicationStatus)),
        "stage": AtsRef(external_id=draw(words), name=draw(words)),
        "rejection_reason": draw(st.none() | words),
        "rejected_at": draw(st.none() | moments),
        "hired_at": draw(st.none() | moments),
        "external_updated_at": draw(st.none() | moments),
    }
    return record


def apply_changes(old: Mapping[str, Any], changes: Sequence[FieldChange]) -> dict[str, Any]:
    """Returns the record after the changes, as ClearView's patch makes it."""
    result = {key: dict(value) if key == CUSTOM else value for key, value in old.items()}
    for change in changes:
        if not change.path.startswith(f"{CUSTOM}."):
            result[change.path] = change.new
            continue
        custom = result.setdefault(CUSTOM, {})
        key = change.path.removeprefix(f"{CUSTOM}.")
        if change.removed:
            custom.pop(key, None)
        else:
            custom[key] = change.new
    return result


@given(candidates(), candidates())
def test_applying_the_diff_of_two_candidates_gives_the_second(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert apply_changes(old, diff_candidate(old, new)) == new


@given(applications(), applications())
def test_applying_the_diff_of_two_applications_gives_the_second(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert apply_changes(old, diff_application(old, new)) == new


@given(candidates())
def test_a_record_does_not_differ_from_itself(record: dict[str, Any]) -> None:
    assert diff_candidate(record, record) == []


@given(candidates(), words)
def test_another_signed_url_or_time_is_a_quiet_change(record: dict[str, Any], url: str) -> None:
    signed = record | {
        "attachments": [a | {"url": a["url"] and f"{url}?signed"} for a in record["attachments"]],
        "external_updated_at": None,
    }

    assert loud(diff_candidate(record, signed)) == []


def test_the_first_address_of_a_file_is_a_change() -> None:
    def shown(url: str | None) -> dict[str, Any]:
        return empty_candidate("c") | {"attachments": [{"external_id": "f", "url": url}]}

    [change] = loud(diff_candidate(shown(None), shown("https://files.example/1")))

    assert change.path == "attachments"


@given(applications(), moments)
def test_the_time_that_follows_a_pushed_status_is_quiet(
    record: dict[str, Any], moment: Any
) -> None:
    assert loud(diff_application(record, record | {"rejected_at": moment, "hired_at": None})) == []


def test_a_rejection_reason_that_a_person_changes_later_is_a_change() -> None:
    record: dict[str, Any] = dict(empty_application("1", "1"))
    rejected = record | {"status": ApplicationStatus.REJECTED, "rejection_reason": "one"}

    changes = diff_application(rejected, rejected | {"rejection_reason": "another"})

    assert [(c.path, c.quiet) for c in changes] == [("rejection_reason", False)]


def test_a_vanished_custom_field_is_distinguished_from_one_set_to_nothing() -> None:
    record: dict[str, Any] = dict(empty_candidate("1")) | {"custom_fields": {"a": 1, "b": 2}}

    changes = diff_candidate(record, record | {"custom_fields": {"b": None}})

    assert [(c.path, c.new, c.removed) for c in changes] == [
        ("custom_fields.a", None, True),
        ("custom_fields.b", None, False),
    ]
