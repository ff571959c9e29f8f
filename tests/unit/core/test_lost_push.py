"""A push that the ATS accepted and did not make is distinguished from a move back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from daemon.core.lost_push import lost_pushes, without_lost_pushes
from daemon.core.record_change import STATUS_GROUP, RecordChange, compare, ignore_stale_status
from daemon.core.snapshot import Snapshot
from models.candidate import AtsRef
from models.status import ApplicationStatus as Status
from tests.support.records import empty_application

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUSH = UUID(int=7)


def application(status: Status, **fields: Any) -> dict[str, Any]:
    record = empty_application("a1", "c1")
    stage = AtsRef(external_id=f"s-{status.value}", name=None)
    return {**record, "status": status, "stage": stage, "external_updated_at": NOON, **fields}


def snapshot(record: dict[str, Any], *, fingerprint: bytes = b"f" * 16) -> Snapshot:
    return Snapshot(
        external_id="r1",
        fingerprint=fingerprint,
        digest=b"d",
        candidate=None,
        applications=[record],
        mapping_version="1",
        seen_at=NOON,
    )


def pushed(**fields: Any) -> dict[str, Any]:
    """The snapshot's application after a push from `new` to `interview`."""
    was = application(Status.NEW)
    mark = {"id": PUSH, "sequence": "1", "at": NOON, "before": {n: was[n] for n in STATUS_GROUP}}
    return application(Status.INTERVIEW, pushed=mark, **fields)


def listed(
    record: dict[str, Any], before: dict[str, Any], fingerprint: bytes = b""
) -> RecordChange:
    change = compare(
        snapshot(record), snapshot(before, fingerprint=fingerprint), candidate_base=None
    )
    return without_lost_pushes(change)


def test_a_record_that_is_as_it_was_before_the_push_shows_that_it_was_lost() -> None:
    change = listed(application(Status.NEW, source="web"), pushed())
    [found] = change.applications

    assert [c.path for c in found.changes] == ["source"]
    assert change.after.applications[0]["status"] is Status.NEW
    assert not change.is_empty
    [lost] = lost_pushes(change, {"a1": Status.INTERVIEW})
    assert (lost.push_id, lost.pushed, lost.ats) == (PUSH, Status.INTERVIEW, Status.NEW)


def test_a_later_change_in_clearview_takes_the_place_of_a_lost_push() -> None:
    change = listed(application(Status.NEW), pushed())

    assert lost_pushes(change, {"a1": Status.OFFER}) == []
    assert lost_pushes(change, {}) == []


@pytest.mark.parametrize(
    ("record", "before", "fingerprint"),
    [
        (application(Status.INTERVIEW), pushed(), b""),
        (application(Status.OFFER), pushed(), b""),
        (application(Status.NEW, external_updated_at=NOON + timedelta(hours=1)), pushed(), b""),
        (application(Status.NEW, rejection_reason="x"), pushed(), b""),
        (application(Status.NEW), pushed(), b"f" * 16),
        (application(Status.NEW), application(Status.INTERVIEW), b""),
    ],
    ids=["made", "moved on", "touched since", "other reason", "compared since", "not pushed"],
)
def test_anything_else_is_news_of_the_ats(
    record: dict[str, Any], before: dict[str, Any], fingerprint: bytes
) -> None:
    change = listed(record, before, fingerprint)

    assert not any(found.is_lost for found in change.applications)


def test_a_page_that_was_asked_for_before_the_push_says_nothing_of_it() -> None:
    change = compare(
        snapshot(application(Status.NEW)), snapshot(pushed(), fingerprint=b""), candidate_base=None
    )
    held = without_lost_pushes(ignore_stale_status(change, NOON - timedelta(seconds=1)))
    [found] = held.applications

    assert not found.is_lost
    assert found.record["status"] is Status.INTERVIEW
    assert found.record["pushed"]["before"]["status"] is Status.NEW
    assert held.after.fingerprint == b""


def test_a_killed_import_finds_the_same_lost_push_again() -> None:
    first = listed(application(Status.NEW), pushed())
    stored = first.after.applications[0]
    again = without_lost_pushes(
        compare(snapshot(dict(stored)), snapshot(pushed()), candidate_base=None)
    )

    assert lost_pushes(again, {"a1": Status.INTERVIEW}) == lost_pushes(
        first, {"a1": Status.INTERVIEW}
    )
    assert again.after == first.after
